//! What the server tells people by itself.

use serde::{Deserialize, Serialize};

use crate::{NotificationId, Timestamp};

/// A message to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// What it is about: `packages`, `jobs`, `feeds`, `space`, `server`.
    pub kind: String,
    /// `mail` or `webhook`.
    pub channel: String,
    /// One line.
    pub subject: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// `waiting`, `sent` or `given-up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_try_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_error: String,
}

/// How a test of the channels went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotificationTest {
    /// The channels that are set up.
    pub channels: Vec<ChannelTest>,
}

/// How one channel took a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelTest {
    /// `mail` or `webhook`.
    pub channel: String,
    /// Whether the other side took it.
    pub taken: bool,
    /// Why not, and what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}
