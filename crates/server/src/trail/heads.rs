//! What this server remembers of the audit trail where nobody who can write the database reaches it: a file in the data
//! folder has the heads that it has seen and the beginning that it has cut itself.
//!
//! The trail must still have the newest head, so its end cannot be cut off or written anew. It must begin where this server
//! has cut it. A database that several servers share may have been cut by another one: then its trail says so, and nothing
//! may be gone that is younger than what is kept anyway.

use std::{fs, io, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{
    Db,
    audit::{self, Broken, Head},
};
use patchwharf_model::{Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::files::{replace_file, sync_folder};

/// In the data folder.
const FILE: &str = "audit.heads";

/// Where a data folder has them.
pub(crate) fn path(data: &Utf8Path) -> Utf8PathBuf {
    data.join(FILE)
}

/// Another server of the database cuts nothing that is younger, unless this one's configuration keeps less.
const LEAST: Duration = Duration::from_secs(30 * 24 * 3600);
/// So many heads of that time are remembered, and clocks may differ by so much of it.
const HEADS: u32 = 30;
/// The way out where an older copy of the database is meant.
const WAY_OUT: &str = "if you have put an older copy of the database in its place yourself, or moved to another database, \
     `patchwharf audit accept` on this server takes its trail as it is";

/// A change and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) change: i64,
    pub(crate) digest: Sha256,
}

/// An end of the trail, as it was at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) change: i64,
    pub(crate) digest: Sha256,
    /// In microseconds since 1970.
    at_us: i64,
}

impl Seen {
    /// When.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.at_us).unwrap_or(Timestamp::MIN)
    }
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heads {
    /// Where this server has found or made the trail begin.
    cut: Place,
    /// Where it begins if the cut that was under way was committed.
    cutting: Option<Place>,
    /// Another server of the database has cut nothing that is younger than this.
    young_seconds: u64,
    /// The oldest first; of times past one for each day or so.
    heads: Vec<Seen>,
}

impl Heads {
    /// What this data folder remembers; none: nothing yet.
    ///
    /// # Errors
    /// There is something that cannot be read.
    pub(crate) fn read(data: &Utf8Path) -> io::Result<Option<Self>> {
        match fs::read(path(data)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => Ok(Some(serde_json::from_slice(&other?)?)),
        }
    }

    /// Makes it durable in the place of what was there before. Where that is not there any more, `audit accept` has taken it
    /// away meanwhile: then it stays away.
    ///
    /// # Errors
    /// The data folder cannot be read or written.
    pub(crate) fn write(&self, before: Option<&Self>, data: &Utf8Path) -> io::Result<()> {
        if Self::read(data)?.as_ref() != before {
            return Ok(());
        }
        replace_file(&path(data), &serde_json::to_vec_pretty(self)?)
    }

    /// Begins to remember a trail, which begins where `head` says. `keep` is what the configuration says of the time for which
    /// changes are kept; zero is for ever.
    pub(crate) fn begin(head: &Head, keep: Duration, now: Timestamp) -> Self {
        let nothing = Self { cut: beginning(head), cutting: None, young_seconds: 0, heads: Vec::new() };
        nothing.and(head, keep, now)
    }

    /// With the present head, after the trail was read and held.
    pub(crate) fn and(mut self, head: &Head, keep: Duration, now: Timestamp) -> Self {
        self.cut = beginning(head);
        self.cutting = None;
        let young = if keep.is_zero() { LEAST } else { LEAST.min(keep) };
        self.young_seconds = (young - young / HEADS).as_secs();
        if self.newest().is_none_or(|newest| (newest.change, newest.digest) != (head.audit_id, head.digest)) {
            self.heads.push(Seen { change: head.audit_id, digest: head.digest, at_us: now.as_microsecond() });
        }
        let (apart, mut last) = (young / HEADS, None::<Timestamp>);
        let newest = self.heads.len() - 1;
        let mut at = 0;
        self.heads.retain(|seen| {
            let is_newest = at == newest;
            at += 1;
            let is_due = last.is_none_or(|last| after(last, apart) <= seen.at() || seen.at() < last);
            let stays = is_newest || (is_due && after(seen.at(), young) > now);
            if stays {
                last = Some(seen.at());
            }
            stays
        });
        self
    }

    /// With a cut that is about to be committed.
    pub(crate) fn and_cutting(mut self, head: &Head, to: Option<Place>) -> Self {
        self.cut = beginning(head);
        self.cutting = to;
        self
    }

    /// The newest head.
    pub(crate) fn newest(&self) -> Option<&Seen> {
        self.heads.last()
    }

    /// What the trail of a database has not that is remembered; it is itself read elsewhere.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn judge(&self, db: &Db, head: &Head, now: Timestamp) -> patchwharf_db::Result<Option<Broken>> {
        if let Some(seen) = self.newest()
            && let Some(Broken { audit_id, what }) = audit::differs(db, head, seen.change, seen.digest).await?
        {
            return Ok(Some(Broken {
                audit_id,
                what: format!("{what}; this server has seen it at {}; {WAY_OUT}", seen.at()),
            }));
        }
        if self.may_begin(db, head, now).await? {
            return Ok(None);
        }
        let what = format!(
            "the trail begins after this change, and this server has not cut it there (what it remembers begins after {}): its \
             beginning was removed; {WAY_OUT}",
            self.cut.change
        );
        Ok(Some(Broken { audit_id: head.cut_id, what }))
    }

    async fn may_begin(&self, db: &Db, head: &Head, now: Timestamp) -> patchwharf_db::Result<bool> {
        let here = beginning(head);
        // A trail that begins earlier lacks nothing: it is read up to the newest head.
        if here == self.cut || Some(here) == self.cutting || here.change < self.cut.change {
            return Ok(true);
        }
        let young = Duration::from_secs(self.young_seconds);
        let is_young = self.heads.iter().any(|seen| seen.change < here.change && after(seen.at(), young) > now);
        Ok(db.is_shared() && !is_young && audit::names_cut(db, head).await?)
    }
}

/// Forgets: the next head is taken as it is. What was remembered is kept beside. Returns where, and the newest head; none:
/// nothing was remembered.
///
/// # Errors
/// The data folder cannot be written.
pub(crate) fn set_aside(data: &Utf8Path, now: Timestamp) -> io::Result<Option<(Utf8PathBuf, Option<Seen>)>> {
    let newest = Heads::read(data).ok().flatten().and_then(|heads| heads.newest().copied());
    let aside = data.join(format!("{FILE}.before-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    match fs::rename(path(data), &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    }
    sync_folder(data)?;
    Ok(Some((aside, newest)))
}

fn beginning(head: &Head) -> Place {
    Place { change: head.cut_id, digest: head.cut_digest }
}

fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head(change: u8) -> Head {
        let digest = Sha256([change; 32]);
        Head { audit_id: change.into(), digest, cut_id: 0, cut_digest: Sha256([0; 32]) }
    }

    #[test]
    fn a_head_for_each_day_and_the_newest_are_remembered() {
        let hour = |n: i64| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(n);
        let mut heads = Heads::begin(&head(1), Duration::ZERO, hour(0));
        for n in 1..=1_000 {
            heads = heads.and(&head(u8::try_from(n % 250).unwrap() + 2), Duration::ZERO, hour(n));
        }
        assert_eq!(heads.newest().unwrap().at(), hour(1_000));
        assert!((29..=32).contains(&heads.heads.len()), "{}", heads.heads.len());
        let times: Vec<_> = heads.heads.iter().map(Seen::at).collect();
        let (rest, _) = times.split_at(times.len() - 1);
        assert!(rest.windows(2).all(|two| two[1].duration_since(two[0]).as_hours() == 24), "{times:?}");
        let again = heads.clone().and(&head(0), Duration::ZERO, hour(1_001));
        let same = again.clone().and(&head(0), Duration::ZERO, hour(1_001));
        assert_eq!(again, same, "the same head is remembered once");
    }

    #[test]
    fn what_is_set_aside_is_kept_and_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(home.path()).unwrap();
        assert!(set_aside(data, Timestamp::UNIX_EPOCH).unwrap().is_none());
        let heads = Heads::begin(&head(7), Duration::ZERO, Timestamp::UNIX_EPOCH);
        heads.write(None, data).unwrap();
        assert_eq!(Heads::read(data).unwrap().unwrap(), heads);
        let (path, newest) = set_aside(data, Timestamp::UNIX_EPOCH).unwrap().unwrap();
        assert!(path.exists() && newest.unwrap().change == 7);
        assert!(Heads::read(data).unwrap().is_none());
        // A seal that had begun before.
        Heads::begin(&head(8), Duration::ZERO, Timestamp::UNIX_EPOCH).write(Some(&heads), data).unwrap();
        assert!(Heads::read(data).unwrap().is_none(), "what was taken away comes not back");
        fs::write(data.join(FILE), "rubbish").unwrap();
        assert!(Heads::read(data).is_err(), "what cannot be understood is not taken for nothing");
    }
}
