//! From a vendor's bytes to the model: CAB, SDP, apt, advisories.
//!
//! Every reader here is a plain function: bytes in, [`Frame`](patchwharf_model::catalogue::Frame)s out through a
//! [`Sink`], no network, no SQL, no clock. Input is never trusted: everything is read as a stream under [`Limits`], and
//! what breaks them ends in a [`FeedError`] that names the thing, the place in it and the reason.
//!
//! ```
//! use patchwharf_feeds::{Limits, sdp};
//! use patchwharf_model::catalogue::Frame;
//!
//! let mut updates = 0;
//! let refused = sdp::read("catalogue.xml", &b"<html/>"[..], &Limits::default(), &mut |frame| {
//!     updates += u64::from(matches!(frame, Frame::Update(_)));
//!     Ok(())
//! });
//! assert_eq!(refused.unwrap_err().code(), "malformed");
//! assert_eq!(updates, 0);
//! ```
//!
//! A reader writes `Head` first, then `Update`, `Bulletin` and `Rejected` in the order of the catalogue, and `End` last.
//! An error means that the catalogue as a whole is worth nothing: whoever took the frames drops them. (`Failed` is
//! written by the parser process, from [`FeedError::code`] and the error's text.)

mod error;
mod limits;

pub mod advisories;
pub mod apt;
pub mod cab;
pub mod sdp;

pub use error::{FeedError, SinkError};
pub use limits::Limits;

/// Where frames go.
pub type Sink<'a> = &'a mut dyn FnMut(patchwharf_model::catalogue::Frame) -> Result<(), SinkError>;
