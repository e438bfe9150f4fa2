//! Catalogue feeds.

use jiff::Timestamp;
use patchwharf_model::{FeedId, JobId};

use crate::{
    Db, DbError, Result, Write,
    error::refuse_constraint,
    sql::{Number, args, record},
};

const GET: &str = "SELECT * FROM feed WHERE feed_id = $1";

/// Everything of a feed without packages, referring rows first.
const REMOVE: &[&str] = &[
    "DELETE FROM policy_update WHERE update_id IN (SELECT update_id FROM software_update WHERE feed_id = $1)",
    "DELETE FROM update_item WHERE update_id IN (SELECT update_id FROM software_update WHERE feed_id = $1)",
    "DELETE FROM supersedence WHERE feed_id = $1",
    "DELETE FROM update_revision WHERE feed_id = $1",
    "DELETE FROM software_update WHERE feed_id = $1",
    "DELETE FROM bulletin_count WHERE feed_id = $1",
    "DELETE FROM bulletin_revision WHERE feed_id = $1",
    "DELETE FROM bulletin WHERE feed_id = $1",
    "DELETE FROM feed WHERE feed_id = $1",
];

record!(
    /// A feed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Feed {
        /// Its id.
        pub feed_id: FeedId,
        /// Its name, unique among feeds that were not removed.
        pub name: String,
        /// `sdp` or `apt`.
        pub kind: String,
        /// JSON, closed schema per kind: URL, suite, keyring, rules ... Opaque here.
        pub config: String,
        /// Whether packages pinned by SHA-1 only may be offered to computers.
        pub accept_sha1: bool,
        /// Minutes between imports; none: only on demand.
        pub schedule_minutes: Option<u32>,
        /// When the next scheduled import is due.
        pub next_import_at: Option<Timestamp>,
        /// The generation that readers see; 0 before the first import.
        pub current_generation: i64,
        /// The generation that the next import takes.
        pub next_generation: i64,
        /// The catalogue's own date at the last import: an older one is a rollback.
        pub catalogue_date: Option<Timestamp>,
        /// Validators and digest of the last import: equal means nothing to do. Opaque here.
        pub fingerprint: Option<String>,
        /// When the last import ended well.
        pub last_import_at: Option<Timestamp>,
        /// The last import's job, ended well or not.
        pub last_import_job: Option<JobId>,
        /// Why the last import failed; none: it did not.
        pub last_error: Option<String>,
        /// When it was added.
        pub created_at: Timestamp,
        /// When it was removed with its packages kept; it is never imported again.
        pub removed_at: Option<Timestamp>,
    }
);

/// What a new feed needs.
#[derive(Clone, Debug)]
pub struct NewFeed {
    /// Its name.
    pub name: String,
    /// `sdp` or `apt`.
    pub kind: String,
    /// JSON.
    pub config: String,
    /// Whether packages pinned by SHA-1 only may be offered.
    pub accept_sha1: bool,
    /// Minutes between imports; the first is due at once.
    pub schedule_minutes: Option<u32>,
}

/// What may be changed on a feed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct FeedChange {
    /// Another name.
    pub name: Option<String>,
    /// Another configuration (rules, URL ...). Clears the fingerprint, so that the next import reads everything.
    pub config: Option<String>,
    /// Audited by an action of its own: `feed.accept-sha1`.
    pub accept_sha1: Option<bool>,
    /// Another schedule; `Some(None)` takes it away.
    pub schedule_minutes: Option<Option<u32>>,
}

/// The kind of a feed of which only packages are known: its configuration is lost. It is never imported; adding a feed of the
/// same name takes it up, with its updates and packages.
pub const LOST: &str = "lost";

/// A feed by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedFeed {
    /// Its id.
    pub feed_id: FeedId,
    /// Whether only packages of it are known.
    pub is_lost: bool,
}

record!(
    struct Lost {
        feed_id: FeedId,
        kind: String,
    }
);

/// The feed of this name, or the lost one, which is made if there is none.
///
/// # Errors
/// When the database fails.
pub async fn of_name_or_lost(w: &mut Write<'_>, name: &str) -> Result<NamedFeed> {
    const WHAT: &str = "find a feed by its name";
    const FIND: &str = "SELECT feed_id, kind FROM feed WHERE name = $1 AND (removed_at IS NULL OR kind = 'lost') \
         ORDER BY CASE WHEN removed_at IS NULL THEN 0 ELSE 1 END";
    const MAKE: &str = "INSERT INTO feed (feed_id, name, kind, config, accept_sha1, current_generation, next_generation, \
         created_at, removed_at) VALUES ($1, $2, 'lost', '{}', 0, 0, 1, $3, $3)";
    if let Some(found) = w.first::<Lost>(WHAT, FIND, args![name]).await? {
        return Ok(NamedFeed { feed_id: found.feed_id, is_lost: found.kind == LOST });
    }
    let (feed_id, now) = (FeedId::new(), w.now());
    w.run(WHAT, MAKE, args![feed_id, name, now]).await?;
    w.audit("feed.lost", format!("feed {feed_id}"), None, Some(name.to_owned()));
    Ok(NamedFeed { feed_id, is_lost: true })
}

/// Adds a feed. One that is known by its packages only, of the same name, is taken up: it keeps its id.
///
/// # Errors
/// `Refused` when the name is in use.
pub async fn create(w: &mut Write<'_>, new: &NewFeed) -> Result<FeedId> {
    const TAKE_UP: &str = "UPDATE feed SET kind = $2, config = $3, accept_sha1 = $4, schedule_minutes = $5, \
         next_import_at = $6, created_at = $7, removed_at = NULL WHERE name = $1 AND kind = 'lost' \
         AND NOT EXISTS (SELECT 1 FROM feed AS o WHERE o.name = $1 AND o.removed_at IS NULL) RETURNING feed_id, kind";
    const INSERT: &str = "INSERT INTO feed (feed_id, name, kind, config, accept_sha1, schedule_minutes, \
         next_import_at, current_generation, next_generation, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 1, $8)";
    let (id, now) = (FeedId::new(), w.now());
    let due = new.schedule_minutes.map(|_| now);
    let values = args![&new.name, &new.kind, &new.config, new.accept_sha1, new.schedule_minutes, due, now];
    if let Some(lost) = w.first::<Lost>("take up a lost feed", TAKE_UP, values).await? {
        let id = lost.feed_id;
        w.audit(
            "feed.create",
            format!("feed {id}"),
            Some("known by its packages only".into()),
            Some(new.config.clone()),
        );
        return Ok(id);
    }
    let values = args![id, &new.name, &new.kind, &new.config, new.accept_sha1, new.schedule_minutes, due, now];
    let done = w.run("add a feed", INSERT, values).await;
    refuse_constraint(done, || in_use(&new.name))?;
    w.audit("feed.create", format!("feed {id}"), None, Some(new.config.clone()));
    Ok(id)
}

/// All feeds by name; removed ones last and only if asked for.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, with_removed: bool) -> Result<Vec<Feed>> {
    const WHAT: &str = "list feeds";
    const LIVE: &str = "SELECT * FROM feed WHERE removed_at IS NULL ORDER BY name";
    const ALL: &str = "SELECT * FROM feed ORDER BY CASE WHEN removed_at IS NULL THEN 0 ELSE 1 END, name";
    db.all(WHAT, if with_removed { ALL } else { LIVE }, args![]).await
}

/// A feed by id or name.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, name_or_id: &str) -> Result<Feed> {
    const SHOW: &str = "SELECT * FROM feed WHERE feed_id = $2 OR (name = $1 AND removed_at IS NULL) \
         ORDER BY CASE WHEN feed_id = $2 THEN 0 ELSE 1 END";
    let found = db.first("show a feed", SHOW, args![name_or_id, name_or_id.to_lowercase()]).await?;
    found.ok_or_else(|| DbError::not_found("feed", name_or_id))
}

/// A feed by id.
///
/// # Errors
/// `NotFound`.
pub async fn get(db: &Db, id: FeedId) -> Result<Feed> {
    let found = db.first("show a feed", GET, args![id]).await?;
    found.ok_or_else(|| DbError::not_found("feed", id))
}

/// Changes a feed and audits it.
///
/// # Errors
/// `NotFound`; `Refused` when the name is in use.
pub async fn update(w: &mut Write<'_>, id: FeedId, change: &FeedChange) -> Result<()> {
    const WHAT: &str = "change a feed";
    const SET: &str = "UPDATE feed SET name = $2, config = $3, accept_sha1 = $4, schedule_minutes = $5, \
         next_import_at = $6, fingerprint = $7 WHERE feed_id = $1";
    let (before, now) = (one(w, WHAT, id).await?, w.now());
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after.name.clone_from(name);
    }
    if let Some(config) = &change.config {
        after.config.clone_from(config);
        after.fingerprint = None;
    }
    if let Some(accept) = change.accept_sha1 {
        after.accept_sha1 = accept;
    }
    if let Some(schedule) = change.schedule_minutes {
        after.schedule_minutes = schedule;
        after.next_import_at = schedule.map(|minutes| later(before.last_import_at.unwrap_or(now), minutes));
    }
    let values = args![
        id,
        &after.name,
        &after.config,
        after.accept_sha1,
        after.schedule_minutes,
        after.next_import_at,
        after.fingerprint.clone(),
    ];
    refuse_constraint(w.run(WHAT, SET, values).await, || in_use(&after.name))?;
    let object = format!("feed {id}");
    let word = |yes: bool| Some(yes.to_string());
    if before.accept_sha1 != after.accept_sha1 {
        w.audit("feed.accept-sha1", object.clone(), word(before.accept_sha1), word(after.accept_sha1));
    }
    let plain = |feed: &Feed| Some(format!("{} every {:?} min: {}", feed.name, feed.schedule_minutes, feed.config));
    if plain(&before) != plain(&after) {
        w.audit("feed.update", object, plain(&before), plain(&after));
    }
    Ok(())
}

/// Has every catalogue read anew at its next import, also where the vendor has not changed it.
///
/// # Errors
/// When the database fails.
pub async fn read_anew(w: &mut Write<'_>) -> Result<()> {
    w.run("forget what catalogues were", "UPDATE feed SET fingerprint = NULL WHERE removed_at IS NULL", args![])
        .await?;
    Ok(())
}

/// Feeds whose scheduled import is due.
///
/// # Errors
/// When the database fails.
pub async fn due(db: &Db, now: Timestamp) -> Result<Vec<Feed>> {
    const DUE: &str = "SELECT * FROM feed WHERE next_import_at <= $1 AND removed_at IS NULL ORDER BY next_import_at";
    db.all("find feeds to import", DUE, args![now]).await
}

/// Notes that an import ended (well: `error` none) and sets the next due time by the schedule.
///
/// # Errors
/// `NotFound`.
pub async fn import_ended(w: &mut Write<'_>, id: FeedId, job: Option<JobId>, error: Option<&str>) -> Result<()> {
    const WHAT: &str = "note the end of an import";
    const SET: &str = "UPDATE feed SET last_import_job = $2, last_error = $3, last_import_at = $4, next_import_at = $5 \
         WHERE feed_id = $1";
    let (feed, now) = (one(w, WHAT, id).await?, w.now());
    let ended_well = if error.is_none() { Some(now) } else { feed.last_import_at };
    let next = feed.schedule_minutes.map(|minutes| later(now, minutes));
    w.run(WHAT, SET, args![id, job, error, ended_well, next]).await?;
    Ok(())
}

/// What is to become of a removed feed's things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Refuse while packages exist; else everything of the feed goes.
    Refuse,
    /// Keep bulletins, updates and packages; the feed is never imported again and its name becomes free.
    Keep,
    /// Its packages are deleted already, although policies needed them: their switches go with its updates.
    Purged,
}

/// Removes a feed. For `--purge` the caller deletes the packages first and then calls this with [`Removal::Refuse`],
/// or with [`Removal::Purged`] where policies are to lose their switches.
///
/// # Errors
/// `NotFound`; `Refused` while packages exist, and says how many and which options there are.
pub async fn remove(w: &mut Write<'_>, id: FeedId, removal: Removal) -> Result<()> {
    const WHAT: &str = "remove a feed";
    const PACKAGES: &str = "SELECT COUNT(*) AS number FROM package p \
         JOIN software_update u ON u.update_id = p.update_id WHERE u.feed_id = $1";
    const SWITCHES: &str = "SELECT COUNT(*) AS number FROM policy_update s \
         JOIN software_update u ON u.update_id = s.update_id WHERE u.feed_id = $1";
    const KEEP: &str =
        "UPDATE feed SET removed_at = $2, next_import_at = NULL, schedule_minutes = NULL WHERE feed_id = $1";
    let (before, now) = (one(w, WHAT, id).await?, w.now());
    match removal {
        Removal::Keep => {
            w.run(WHAT, KEEP, args![id, now]).await?;
        }
        Removal::Refuse | Removal::Purged => {
            let packages = w.first::<Number>(WHAT, PACKAGES, args![id]).await?.map_or(0, |n| n.number);
            if packages > 0 {
                return Err(DbError::Refused(format!(
                    "{packages} packages of feed {} exist: say --keep to keep them or --purge to delete them",
                    before.name
                )));
            }
            let switches = w.first::<Number>(WHAT, SWITCHES, args![id]).await?.map_or(0, |n| n.number);
            if switches > 0 && removal == Removal::Refuse {
                return Err(DbError::Refused(format!(
                    "{switches} switches of policies hold updates of feed {}: say --keep, delete the policies first, or \
                     purge it although they need it (--purge --although-needed)",
                    before.name
                )));
            }
            if switches > 0 {
                let lost = format!("{switches} switches of policies");
                w.audit("policy.switches.remove", format!("feed {id}"), Some(lost), None);
            }
            for statement in REMOVE {
                w.run(WHAT, *statement, args![id]).await?;
            }
        }
    }
    w.audit("feed.remove", format!("feed {id}"), Some(format!("{}: {}", before.name, before.config)), None);
    Ok(())
}

async fn one(w: &mut Write<'_>, what: &'static str, id: FeedId) -> Result<Feed> {
    w.first(what, GET, args![id]).await?.ok_or_else(|| DbError::not_found("feed", id))
}

fn later(from: Timestamp, minutes: u32) -> Timestamp {
    from.checked_add(jiff::SignedDuration::from_mins(i64::from(minutes))).unwrap_or(Timestamp::MAX)
}

fn in_use(name: &str) -> String {
    format!("the name {name:?} is used by another feed")
}
