//! Signed apt repositories, made on the spot.

mod advisory;
mod deb;
mod key;
mod repository;

pub use advisory::{Advisory, dsa_list, osv_zip};
pub use deb::Deb;
pub use key::{Key, KeyKind};
pub use repository::{Compression, Repository};

#[cfg(test)]
mod tests;
