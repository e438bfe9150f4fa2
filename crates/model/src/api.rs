//! Wire types of the admin API under `/api/v1`.
//!
//! What a client sends is a closed schema: unknown fields are refused. What the server answers may grow, so clients
//! ignore fields that they do not know. Times are RFC 3339 in UTC; sizes are bytes.

mod account;
mod audit;
mod backup;
mod bulletin;
mod deletion;
mod feed;
mod finding;
mod history;
mod job;
mod list;
mod location;
mod log;
mod notification;
mod package;
mod page;
mod policy;
mod problem;
mod refers;
mod settings;
mod view;

pub use crate::finding::Finding;
pub use account::{
    Account, AccountCreate, AccountPatch, Link, LinkLook, LinkPurpose, Me, NewToken, PasswordChange, PasswordConfirm,
    Session, SetUp, SignIn, SignOutQuery, SignedOut, Token, TokenCreate, TokenQuery,
};
pub use audit::{AuditChain, AuditChainQuery, AuditEntry, AuditQuery};
pub use backup::BackupStart;
pub use bulletin::{
    BulletinChange, BulletinChoice, BulletinDetail, BulletinFilter, BulletinPreview, BulletinQuery, BulletinRefresh,
    BulletinSeverity, BulletinSort, BulletinState, BulletinSummary, BulletinTrouble, UpdateDetailView, UpdateReference,
    UpdateSummary,
};
pub use deletion::{DeletionPreview, FeedRemovalPreview};
pub use feed::{
    AptSource, BadClause, Clause, ClauseField, Feed, FeedConfig, FeedCreate, FeedImport, FeedPatch, FeedPreview,
    FeedRemoval, FeedRemove, FeedRules, FeedSource, SdpSource,
};
pub use finding::{ExportFormat, FindingQuery, IntegrityStart};
pub use history::{FreeSample, HistoryQuery, Room, StagedSample, StoreHistory};
pub use job::{Job, JobDetail, JobEvent, JobItemQuery, JobQuery};
pub use list::List;
pub use location::{
    AdoptionStart, Elsewhere, Location, LocationCreate, LocationRemove, OriginalCopy, PrunePreview, PruneStart,
    RelocationStart, UndoStart,
};
pub use log::{Level, LogQuery, LogRecord};
pub use notification::{ChannelTest, Notification, NotificationTest};
pub use package::{
    DownloadStart, PackageChoice, PackageDelete, PackageDetail, PackageFile, PackageQuery, PackageSort, PackageSummary,
    PackageVersion, ReconcileStart, ReviseStart, StoreTotals, SupplyQuery,
};
pub use page::{Order, Page, PageQuery};
pub use policy::{
    OnRevision, PolicyCreate, PolicyDetail, PolicyPatch, PolicySummary, PolicySwitch, PolicyUpdates, SwitchQuery,
    SwitchState, SwitchesChanged, SwitchesSet,
};
pub use problem::{Code, Problem};
pub use refers::{PolicyReference, Refers};
pub use settings::{Health, HealthCheck, Setting, SettingChange, SettingPut, Settings};
pub use view::{View, ViewPlace, ViewSave};
