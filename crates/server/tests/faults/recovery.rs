//! C-02: a recovery that is killed twenty times in a row ends where one that nobody disturbs ends.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use patchwharf_model::{
    api::{PackageSummary, Page},
    package::VersionState,
};
use patchwharf_store::fault::Step;
use patchwharf_testkit::{Chance, server::DEADLINE};

use crate::{
    driver::{Act, Open},
    judge,
    plant::Plant,
    steps::provoke,
};

const FAULT: &str = "PATCHWHARF_FAULT";

/// Starts in a row that do not come to the end of their recovery.
const STARTS: usize = 20;

/// At which steps of it they end, in turn.
const OF_THE_RECOVERY: [Step; 3] = [Step::ReconcileBefore, Step::ReconcileAfterStaging, Step::ReconcileAfter];

/// What is left to a recovery: a version with a name and no row, two packages of one update, half a deletion, copies that
/// nobody names yet.
const LEFT: [(Step, &[Act]); 4] = [
    (Step::PlaceAfterRename, &[Act::Stage]),
    (Step::RecreateBeforeSwitch, &[Act::Stage, Act::Recreate]),
    (Step::DeleteMidUnlink, &[Act::Stage, Act::Delete]),
    (Step::RelocateBeforeSwitch, &[Act::Stage, Act::RelocateThere]),
];

/// Database and disk, without what differs between two servers that did the same: GUIDs, and times.
#[derive(Debug, PartialEq, Eq)]
struct Picture {
    packages: Vec<(String, bool, Option<VersionState>)>,
    files: BTreeMap<(usize, String, u64), usize>,
}

impl Picture {
    async fn of(plant: &Plant) -> Self {
        let page: Page<PackageSummary> = plant.server.api().get("/api/v1/packages?limit=1000&replaced=true").await;
        let mut packages: Vec<_> =
            page.items.into_iter().map(|package| (package.title, package.active, package.state)).collect();
        packages.sort_by_key(|package| format!("{package:?}"));
        let mut files = BTreeMap::new();
        for (number, place) in plant.places().iter().enumerate() {
            count(place, number, &mut files);
        }
        Self { packages, files }
    }
}

/// Counts the files below a folder by name and length.
fn count(folder: &Path, place: usize, files: &mut BTreeMap<(usize, String, u64), usize>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (found, name) = (entry.metadata().unwrap(), entry.file_name().to_string_lossy().into_owned());
        if found.is_dir() {
            count(&entry.path(), place, files);
        } else {
            // Manifests tell times and GUIDs.
            let length = if name.ends_with(".json") { 0 } else { found.len() };
            *files.entry((place, name, length)).or_default() += 1;
        }
    }
}

/// A server that was killed at a step, then at so many starts in its recovery; what is there when all jobs have ended.
async fn recovered_after(starts: usize, (step, acts): (Step, &[Act])) -> Picture {
    let mut chance = Chance::new("killed in recovery");
    let mut plant = Plant::start().await;
    let open = Open::default();
    let bulletin = plant.bulletins[0].clone();
    plant.server.set_env(FAULT, &format!("{}:kill:1", step.name()));
    plant.server.restart().await;
    let driver = plant.driver(&open, &Arc::default());
    let died = provoke(&plant, &driver, (step, acts), &bulletin, &mut chance).await;
    assert!(died.is_err(), "{} was passed", step.name());
    for start in 0..starts {
        let within = OF_THE_RECOVERY[start % OF_THE_RECOVERY.len()];
        plant.server.set_env(FAULT, &format!("{}:kill:1", within.name()));
        plant.server.spawn();
        let ended = plant.server.wait_for_end(DEADLINE);
        assert_eq!(ended, None, "{}: start {start} was to be killed at {}", step.name(), within.name());
        if let Err(findings) = judge::crashed(&plant).await {
            judge::fail(&plant, &format!("{}, start {start} killed at {}", step.name(), within.name()), &findings);
        }
    }
    plant.server.remove_env(FAULT);
    plant.server.restart().await;
    let driver = plant.driver(&open, &Arc::default());
    driver.wait_idle().await.expect("the server runs");
    let picture = Picture::of(&plant).await;
    judge::recovered(&plant, &driver).await;
    picture
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_02_a_recovery_that_is_killed_twenty_times_in_a_row_ends_as_one_that_is_left_alone() {
    for left in LEFT {
        let once = recovered_after(0, left).await;
        let at_last = recovered_after(STARTS, left).await;
        assert_eq!(at_last, once, "{}", left.0.name());
    }
    figures!("killed in recovery: {STARTS} starts in a row after each of {} crashes, 0 violations", LEFT.len());
}
