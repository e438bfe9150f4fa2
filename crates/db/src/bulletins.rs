//! Software bulletins: list, show, enable, rate, and what refers to them.

mod change;
mod count;
mod filter;
mod find;
mod list;
mod rows;
mod sort;
mod summary;
mod touched;

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, Severity};

use crate::sql::record;

pub use change::{recount, set_custom_severity, set_enabled};
pub use filter::BulletinFilter;
pub use find::{Refers, refers, resolve};
pub use list::{BulletinQuery, by_ids, ids, list, show};
pub use rows::{OfPackage, Part, Trouble, of_packages, parts, troubles};
pub use sort::BulletinSort;
pub use summary::{BySeverity, by_severity, custom_severities};
pub use touched::{ReferringPolicy, Touched, policies, touched};

record!(
    struct Id {
        text: BulletinId,
    }
);

record!(
    /// A bulletin as lists show it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Bulletin {
        /// Its id.
        pub bulletin_id: BulletinId,
        /// Its feed.
        pub feed_id: FeedId,
        /// The feed's name.
        pub feed: String,
        /// Key in the feed.
        pub name: String,
        /// Title.
        pub title: String,
        /// Description. Text, never markup.
        pub description: String,
        /// Vendor.
        pub vendor: String,
        /// Vendor severity.
        pub severity: Severity,
        /// The administrator's own severity.
        pub custom_severity: Option<String>,
        /// Whether it may be offered to computers.
        pub enabled: bool,
        /// First released.
        pub released_at: Option<Timestamp>,
        /// Last revised.
        pub revised_at: Timestamp,
        /// CVE names.
        pub cves: Vec<String>,
        /// Knowledge-base articles.
        pub kbs: Vec<String>,
        /// Name of the bulletin that takes its place.
        pub superseded_by: Option<String>,
        /// Withdrawn by the vendor.
        pub withdrawn: bool,
        /// False: absent from the current catalogue, kept.
        pub listed: bool,
        /// Updates in scope: current, listed or not, neither superseded nor withdrawn, with files.
        pub updates: u64,
        /// Of those, with a staged version. Equal to `updates` and not 0: downloaded.
        pub packages: u64,
        /// Of those, with a corrupt or missing current version.
        pub bad_packages: u64,
        /// Policies that hold one of its updates.
        pub policies: u64,
        /// Oldest verification among its staged files.
        pub oldest_proof_at: Option<Timestamp>,
    }
);

impl Bulletin {
    /// Whether every update in scope is on disk, whole.
    #[must_use]
    pub fn is_downloaded(&self) -> bool {
        self.updates > 0 && self.packages == self.updates
    }
}
