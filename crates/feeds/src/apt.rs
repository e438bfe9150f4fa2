//! apt repositories: `Release` and `Packages` (deb822), and what they say as updates.
//!
//! The chain of trust is: a good signature over the `Release` text (checked by the caller with the feed's keyring),
//! the SHA-256 of each index in that text, the SHA-256 of each `.deb` in its index.
//!
//! ```
//! use patchwharf_feeds::{Limits, apt::{Catalogue, Compression, Release}};
//!
//! let text = b"Codename: bookworm-security\nDate: Fri, 20 Nov 2026 00:12:41 UTC\nSHA256:\n \
//!              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\n";
//! let release = Release::read("InRelease", text, &Limits::default())?;
//! release.believe("2026-11-22T00:00:00Z".parse().unwrap(), None)?;
//! let index = &release.indexes("main", "amd64")?[0];
//! let bytes = b""; // fetched from the archive's address + index.path or index.by_hash
//! index.check(0, index.sha256)?;
//! let limits = Limits::default();
//! let mut catalogue = Catalogue::new(&release, "https://deb.example.test/debian", &limits)?;
//! catalogue.read_index(&index.path, &bytes[..], index.compression)?;
//! let written = catalogue.write(None, &[], &mut |_frame| Ok(()))?;
//! assert_eq!(written.updates, 0);
//! # Ok::<(), patchwharf_feeds::FeedError>(())
//! ```

mod catalogue;
mod compression;
mod deb822;
mod package;
mod path;
mod release;

pub use catalogue::{Catalogue, Written};
pub use compression::Compression;
pub use deb822::{Stanza, Stanzas};
pub(crate) use package::version;
pub use release::{Index, Release, ReleaseName};
