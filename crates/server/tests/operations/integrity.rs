//! The integrity check against a store that was really damaged. Rows G of the acceptance table by name.

mod budget;
mod closed;
mod found;
mod honest;
mod light;
mod manifests;
mod mend;
mod places;
mod relocate;
mod resume;
mod since;
mod steady;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use patchwharf_db::findings;
use patchwharf_model::{
    JobId,
    finding::{Finding, FindingKind, Outcome},
    job::{IntegrityCheck, JobRequest, JobState, Selection},
};
use patchwharf_testkit::Payload;

use crate::world::{Ended, World};

/// A check and what it found.
#[derive(Debug)]
pub struct Checked {
    pub job: JobId,
    pub ended: Ended,
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Its kinds, notes left out.
    pub fn kinds(&self) -> Vec<FindingKind> {
        self.findings.iter().filter(|f| f.gravity != patchwharf_model::finding::Gravity::Note).map(|f| f.kind).collect()
    }

    /// The one finding of a kind.
    pub fn one(&self, kind: FindingKind) -> &Finding {
        let found: Vec<&Finding> = self.findings.iter().filter(|finding| finding.kind == kind).collect();
        assert_eq!(found.len(), 1, "{kind}: {self:#?}");
        found[0]
    }

    /// Asserts that nothing remains but notes.
    pub fn clean(self) -> Self {
        assert_eq!(self.ended.state, JobState::Done, "{self:#?}");
        assert!(self.findings.iter().all(|finding| !finding.counts()), "{self:#?}");
        self
    }

    /// Asserts that it ended with problems.
    pub fn troubled(self) -> Self {
        assert_eq!(self.ended.state, JobState::Failed, "{self:#?}");
        self
    }

    /// Asserts that it only looked, and found problems.
    pub fn found(mut self) -> Self {
        self.ended = self.ended.found();
        self
    }

    pub fn outcome(&self, kind: FindingKind) -> Outcome {
        self.one(kind).outcome
    }
}

pub fn full() -> IntegrityCheck {
    IntegrityCheck::full(Selection::All)
}

pub fn light() -> IntegrityCheck {
    IntegrityCheck { light: true, ..full() }
}

pub fn repair() -> IntegrityCheck {
    IntegrityCheck { repair: true, ..full() }
}

pub async fn check(world: &World, wish: IntegrityCheck) -> Checked {
    let job = world.order(JobRequest::IntegrityCheck(wish)).await;
    let ended = world.ended(job).await;
    Checked { job, ended, findings: found_by(world, job).await }
}

/// Waits for a job's end; jobs that wait for each other look again as the clock goes on.
pub async fn finish(world: &World, job: JobId) {
    let end = std::time::Instant::now() + crate::world::DEADLINE;
    while !patchwharf_db::jobs::show(&world.app().db, job).await.unwrap().state.is_final() {
        assert!(std::time::Instant::now() < end, "job {job} does not end");
        world.later(std::time::Duration::from_secs(1));
        world.app().jobs.wake();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Everything that a job has on record.
pub async fn found_by(world: &World, job: JobId) -> Vec<Finding> {
    let query = findings::FindingQuery { limit: 1_000, ..findings::FindingQuery::default() };
    findings::list(&world.app().db, job, &query).await.unwrap().rows
}

/// So many bulletins with one file of 2,000 bytes each, named as the bulletin, staged.
pub async fn many(world: &World, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|n| format!("B-{n:03}")).collect();
    let bulletins: Vec<_> =
        names.iter().map(|name| (name.as_str(), vec![world.publish(&Payload::random(name.clone(), 2_000))])).collect();
    world.catalogue(&bulletins).await;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.stage(&all).await.done();
    world.vendor.forget();
    names
}

/// Turns one bit over; length and modification time stay.
pub fn rot(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}
