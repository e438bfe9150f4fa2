//! Who asks, and what they may do.
//!
//! Three things prove who asks: the token of the data folder, a personal token, and a session's cookie. Each becomes a
//! principal; `rules` says which role each address wants.

mod address;
mod attempts;
mod by;
mod confirmed;
mod cookies;
mod first;
pub(crate) mod links;
pub(crate) mod passwords;
mod principal;
mod reads;
pub(crate) mod rules;
pub(crate) mod sign_in;
mod site;
mod streams;

pub(crate) use address::{client_address, source_of};
pub use attempts::Attempts;
pub use by::By;
pub use confirmed::Confirmed;
pub(crate) use cookies::{Cookies, clear_session, set_device, set_session};
pub use first::FirstLink;
pub(crate) use first::first_link;
pub(crate) use principal::{Principal, Via, lasts, peer_of, principal};
pub(crate) use reads::Export;
pub use reads::Reads;
pub(crate) use site::{is_loopback_name, note_refusal, same_site};
pub(crate) use streams::Follower;
pub use streams::Streams;

use patchwharf_model::Sha256;

/// What the database keeps of a secret.
pub(crate) fn digest(secret: &str) -> Sha256 {
    patchwharf_trust::sha256(secret.as_bytes())
}
