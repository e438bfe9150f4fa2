//! What was wrong before and is not any more. Nothing is said of what was not looked at.

use std::collections::HashSet;

use patchwharf_db::findings::{self, OpenFinding};
use patchwharf_model::finding::{Finding, FindingKind, Gravity, Outcome};

use super::{check::Check, words};
use crate::operations::{OperationError, write};

impl Check<'_> {
    /// What was wrong before and is not any more: it is no longer open; and of what an earlier attempt of this job found
    /// and this one did not, the report says what is known.
    pub(super) async fn right_again(&mut self) -> Result<(), OperationError> {
        // A light look at bytes that are to be hashed says nothing of what was wrong with them.
        let unproved = self.findings.iter().filter(|(_, finding)| finding.kind == FindingKind::FileUnproved);
        let doubtful: HashSet<&str> = unproved.map(|(key, _)| place(key)).collect();
        let gone: Vec<&str> = self
            .before
            .values()
            .filter(|one| !self.findings.contains_key(&one.key) && !self.known.contains_key(&one.key))
            .filter(|one| self.has_looked_at(one, &doubtful))
            .map(|one| one.key.as_str())
            .collect();
        let over: Vec<findings::Settled> = findings::remaining(&self.ctx.app.db, self.ctx.job)
            .await?
            .into_iter()
            .filter(|(key, _)| !self.findings.contains_key(key))
            .filter_map(|(key, finding)| {
                let (outcome, mut text) = self.over(&finding)?;
                // A repair that was broken off has set it aside.
                if finding.kind == FindingKind::FolderIsNoFolder && !finding.became.is_empty() {
                    text = format!("{text}; {}", finding.became);
                }
                Some(words::settled(&key, &finding, outcome, text))
            })
            .collect();
        if gone.is_empty() && over.is_empty() {
            return Ok(());
        }
        let mut w = write(self.ctx).await?;
        findings::close(&mut w, &gone).await?;
        findings::settle(&mut w, self.ctx.job, &over).await?;
        w.commit().await?;
        Ok(())
    }

    /// What has become of something that an earlier attempt of this job found and this one did not; none: its place was
    /// not looked at.
    fn over(&self, finding: &Finding) -> Option<(Outcome, String)> {
        let gone = || (Outcome::Cleared, "it is not there any more".to_owned());
        let compared = finding.location.is_none_or(|id| self.compared.contains(&id));
        let (Some(package), Some(version)) = (finding.package, finding.version) else {
            return compared.then(gone);
        };
        match self.judged.get(&package) {
            Some(now) if *now != version => Some((Outcome::Mended, format!("version {now} took its place"))),
            Some(_) if finding.kind.is_of_contents() => Some((Outcome::Mended, "it is right again".to_owned())),
            None if finding.kind.is_of_contents() => None,
            _ => compared.then(gone),
        }
    }

    /// Whether this check would have seen something that was wrong before, if it still were.
    fn has_looked_at(&self, one: &OpenFinding, doubtful: &HashSet<&str>) -> bool {
        let of_check =
            self.scope.has(one.package, one.location) && (!self.wish.light || one.kind.gravity() != Gravity::Note);
        // A location that the database knows no more is over.
        let compared = one.location.is_none_or(|id| self.compared.contains(&id) || self.root(id).is_none());
        let judged = one.package.is_none_or(|package| !self.not_judged.contains(&package));
        let bytes_known = !one.kind.needs_bytes() || !doubtful.contains(place(&one.key));
        of_check && compared && judged && bytes_known
    }
}

/// The place in a finding's key, without its kind.
fn place(key: &str) -> &str {
    key.split_once(' ').map_or(key, |(_, place)| place)
}
