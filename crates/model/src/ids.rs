//! Identifiers. Each is a UUID with a type of its own, so that one cannot stand for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id (UUID version 7: ordered by the time it was made).
            #[allow(clippy::new_without_default)]
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// A catalogue feed.
    FeedId
);
id!(
    /// A software bulletin.
    BulletinId
);
id!(
    /// A software update.
    UpdateId
);
id!(
    /// An update package: also the name of its folder on disk.
    PackageId
);
id!(
    /// A software update policy.
    PolicyId
);
id!(
    /// A job.
    JobId
);
id!(
    /// A package location (a root folder under which package folders lie).
    LocationId
);
id!(
    /// A deployment: everything that shares one resource database.
    DeploymentId
);
id!(
    /// One data folder of one server; the owner of job leases.
    InstanceId
);
id!(
    /// A message that is told by itself, on one channel.
    NotificationId
);
id!(
    /// An account of the console and the API.
    AccountId
);
id!(
    /// A sign-in that goes on: one browser, one account.
    SessionId
);
id!(
    /// A personal API token.
    TokenId
);
