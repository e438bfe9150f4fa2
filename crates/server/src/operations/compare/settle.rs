//! What is done about a difference, and what would be.

use std::{collections::HashSet, io, sync::Arc};

use patchwharf_db::{
    packages,
    packages::{StateChange, Verified},
};
use patchwharf_model::{finding::Outcome, package::VersionState};
use patchwharf_store::{Location, StagingKind};

use super::{Difference, Who, lost::Adoption, with_causes};
use crate::{
    operations::{OperationError, cores, staging, sweep},
    words::bytes,
};

/// Rows changed in one transaction.
const CHUNK: usize = 500;

/// What became of a difference.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    /// How it stands now.
    pub(crate) outcome: Outcome,
    /// The same in one word of a report.
    pub(crate) word: &'static str,
    /// Why, and where it is now.
    pub(crate) text: String,
}

impl Settled {
    pub(super) fn new(outcome: Outcome, word: &'static str, text: impl Into<String>) -> Self {
        Self { outcome, word, text: text.into() }
    }

    /// The job was asked to end before it came to this.
    fn waits() -> Self {
        Self::new(Outcome::Open, "waits", "it was not come to before the job was stopped")
    }

    fn stays(word: &'static str, text: impl Into<String>) -> Self {
        Self::new(Outcome::Stays, word, text)
    }
}

impl Difference {
    /// What would be done: one word of a report, and why.
    pub(crate) fn plan(&self) -> (&'static str, String) {
        match self {
            Self::Unusable { why } => ("unusable", why.clone()),
            Self::Unreadable { why, .. } => ("unreadable", why.clone()),
            Self::Lost { update, .. } => (
                "would-be-adopted",
                format!("the database has lost it; its manifest is signed by this server ({})", update.update_key),
            ),
            Self::Orphan { why, .. } => ("would-be-quarantined", format!("no row knows it: {why}")),
            Self::Foreign { why, .. } => ("foreign", format!("{why}; it is never touched")),
            Self::Twice { belongs, .. } => (
                "would-be-quarantined",
                format!("it is served from location {belongs}, and no move has recorded this copy"),
            ),
            Self::OriginalGone { .. } => ("would-be-forgotten", "its folder was removed by hand".to_owned()),
            Self::Missing { verdict, .. } => ("would-be-missing", words(verdict)),
            Self::Gone(_) => ("would-be-removed", "it was retired, and its folder is gone".to_owned()),
            Self::Abandoned { job, .. } => ("would-be-wanted", format!("job {job} broke off; stage it again")),
            Self::Stuck { why, .. } => ("deleting", why.clone()),
            Self::Empty { .. } => ("would-be-cleared", "its folder is empty".to_owned()),
            Self::Stranger { .. } => ("foreign", "not ours; it is never touched".to_owned()),
            Self::Staging(left) if left.kind == StagingKind::Foreign => {
                ("foreign", "not ours; it is never touched".to_owned())
            }
            Self::Staging(_) => ("would-be-cleared", "nobody waits for it".to_owned()),
            Self::Aside { item, over, .. } => {
                let text = format!("set aside at {}, {}", item.since, bytes(item.size_bytes));
                (if *over { "would-be-dropped" } else { "kept" }, text)
            }
        }
    }
}

fn words(verdict: &Verified) -> String {
    format!("{}; fetch it anew with `patchwharf bulletin refresh`", verdict.reason)
}

/// Settles what can be settled, until the job is asked to end. Each difference comes back with what became of it; none: it was not one any more.
///
/// # Errors
/// The database failed.
pub(crate) async fn settle(
    who: &Who,
    location: &Arc<Location>,
    differences: Vec<Difference>,
) -> Result<Vec<(Difference, Settled)>, OperationError> {
    let mut settled = Vec::with_capacity(differences.len());
    let (mut missing, mut gone, mut abandoned, mut left) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut originals = Vec::new();
    for difference in differences {
        match difference {
            Difference::Missing { .. } => missing.push(difference),
            other if who.stop.reason().is_some() => settled.push((other, Settled::waits())),
            Difference::Gone(_) => gone.push(difference),
            Difference::OriginalGone { .. } => originals.push(difference),
            Difference::Abandoned { .. } => abandoned.push(difference),
            Difference::Staging(ref one) if one.kind != StagingKind::Foreign => left.push(difference),
            other => {
                if let Some(became) = who.settle_one(location, &other).await? {
                    settled.push((other, became));
                }
            }
        }
    }
    settled.extend(who.note_missing(missing).await?);
    settled.extend(who.forget(gone).await?);
    settled.extend(who.forget_originals(location, originals).await?);
    settled.extend(who.want_again(abandoned).await?);
    settled.extend(who.clear(location, left).await?);
    Ok(settled)
}

impl Who {
    async fn settle_one(
        &self,
        location: &Arc<Location>,
        difference: &Difference,
    ) -> Result<Option<Settled>, OperationError> {
        let (word, plan) = difference.plan();
        Ok(Some(match difference {
            Difference::Lost { manifest, update } => match self.adopt(location, manifest, update).await? {
                Adoption::Done => Settled::new(
                    Outcome::Adopted,
                    "adopted",
                    "the database had lost it; its manifest is signed by this server and its bytes are right. It is served \
                     if its feed names the same digests, and unproved until it does",
                ),
                Adoption::Busy => {
                    Settled::new(Outcome::Ordered, "waits", "a job works on its update; it is looked at again")
                }
                Adoption::Refused(why) => return self.set_aside(location, difference, &why).await,
            },
            Difference::Orphan { why, .. } => return self.set_aside(location, difference, why).await,
            Difference::Twice { package, version, belongs } => {
                return self.set_copy_aside(location, (*package, *version), *belongs, &plan).await;
            }
            Difference::Empty { package } => {
                let (own, package) = (Arc::clone(location), *package);
                match cores::blocking(move || own.remove_empty_package(package)).await? {
                    Ok(true) => Settled::new(Outcome::Cleared, "cleared", "its folder was empty"),
                    Ok(false) => return Ok(None),
                    Err(error) => Settled::stays("empty", with_causes(&error)),
                }
            }
            Difference::Aside { item, over: true, .. } => {
                let (own, item) = (Arc::clone(location), item.clone());
                match cores::blocking(move || own.drop_quarantined(&item)).await? {
                    Ok(()) => Settled::new(Outcome::Cleared, "dropped", plan),
                    Err(error) => Settled::stays("kept", with_causes(&error)),
                }
            }
            _ => Settled::stays(word, plan),
        }))
    }

    /// To quarantine, never away.
    async fn set_aside(
        &self,
        location: &Arc<Location>,
        difference: &Difference,
        why: &str,
    ) -> Result<Option<Settled>, OperationError> {
        let Some((package, version)) = difference.version() else { return Ok(None) };
        let (own, now) = (Arc::clone(location), self.app.clock.now());
        Ok(match cores::blocking(move || own.quarantine_orphan(package, version, now)).await? {
            Ok(path) => {
                let text = format!("no row knows it: {why}; it is kept in {path}");
                Some(Settled::new(Outcome::SetAside, "quarantined", text))
            }
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Settled::stays("orphan", format!("no row knows it: {why}; {}", with_causes(&error)))),
        })
    }

    /// Rows whose folders are gone say so.
    async fn note_missing(&self, missing: Vec<Difference>) -> Result<Vec<(Difference, Settled)>, OperationError> {
        let mut settled = Vec::new();
        for chunk in chunks(missing) {
            let verdicts: Vec<Verified> = chunk
                .iter()
                .filter_map(|difference| match difference {
                    Difference::Missing { verdict, .. } => Some(verdict.clone()),
                    _ => None,
                })
                .collect();
            let now = self.app.clock.now();
            let mut w = self.app.db.write("system", &self.source, now).await?;
            let changed = packages::put_verified(&mut w, self.job, now, &verdicts).await?;
            w.commit().await?;
            settled.extend(chunk.into_iter().filter_map(|difference| {
                let Difference::Missing { verdict, .. } = &difference else { return None };
                let text = words(verdict);
                let still = !changed.contains(&verdict.held.package_id);
                still.then_some((difference, Settled::stays("missing", text)))
            }));
        }
        Ok(settled)
    }

    /// Retired versions whose folders are gone: their rows may go too.
    async fn forget(&self, gone: Vec<Difference>) -> Result<Vec<(Difference, Settled)>, OperationError> {
        let keys: Vec<_> = gone.iter().filter_map(Difference::version).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut w = self.app.db.write("system", &self.source, self.app.clock.now()).await?;
        packages::mark_versions_deleting(&mut w, self.job, &keys).await?;
        w.commit().await?;
        sweep::run(&self.app, &self.source, self.job).await?;
        let became = Settled::new(Outcome::Cleared, "removed", "it was retired, and its folder is gone");
        Ok(gone.into_iter().map(|difference| (difference, became.clone())).collect())
    }

    /// What nobody waits for goes; what is in use again stays and is no difference any more.
    async fn clear(
        &self,
        location: &Arc<Location>,
        left: Vec<Difference>,
    ) -> Result<Vec<(Difference, Settled)>, OperationError> {
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let cleared: HashSet<String> = staging::clear_at(&self.app, location).await?.into_iter().collect();
        let became = Settled::new(Outcome::Cleared, "cleared", "nobody waits for it");
        let gone =
            |difference: &Difference| matches!(difference, Difference::Staging(one) if cleared.contains(&one.name));
        Ok(left.into_iter().filter(gone).map(|difference| (difference, became.clone())).collect())
    }

    /// Versions that broke off are wanted again.
    async fn want_again(&self, abandoned: Vec<Difference>) -> Result<Vec<(Difference, Settled)>, OperationError> {
        let mut settled = Vec::new();
        for chunk in chunks(abandoned) {
            let changes: Vec<StateChange> = chunk
                .iter()
                .filter_map(|difference| match difference {
                    Difference::Abandoned { held, .. } => Some(StateChange {
                        held: *held,
                        state: VersionState::Wanted,
                        reason: difference.plan().1,
                        next_try_at: None,
                    }),
                    _ => None,
                })
                .collect();
            let mut w = self.app.db.write("system", &self.source, self.app.clock.now()).await?;
            packages::set_states(&mut w, None, &changes).await?;
            w.commit().await?;
            settled.extend(chunk.into_iter().map(|difference| {
                let text = difference.plan().1;
                (difference, Settled::new(Outcome::Cleared, "wanted", text))
            }));
        }
        Ok(settled)
    }
}

/// Pieces of bounded length.
fn chunks(all: Vec<Difference>) -> Vec<Vec<Difference>> {
    let mut pieces: Vec<Vec<Difference>> = Vec::new();
    for difference in all {
        match pieces.last_mut() {
            Some(piece) if piece.len() < CHUNK => piece.push(difference),
            _ => pieces.push(vec![difference]),
        }
    }
    pieces
}
