//! Certificates made on the spot, and TLS in front of a vendor.

mod authority;
mod front;

pub use authority::{Authority, Certificate};
pub use front::TlsFront;
