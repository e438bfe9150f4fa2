//! H2: every named step, each with a kill, an error and a panic; and a second kill while the server recovers.

use std::{collections::BTreeSet, sync::Arc};

use patchwharf_store::fault::Step;
use patchwharf_testkit::{Chance, times};

use crate::{
    driver::{Act, Driver, Gone, Open},
    judge,
    plant::{LARGE, Plant},
};

const FAULT: &str = "PATCHWHARF_FAULT";

/// Servers that meet faults side by side.
const AT_ONCE: usize = 4;

/// The parser meets it in a process of its own, and the server outlives that (rows V-15).
const OF_THE_PARSER: Step = Step::ImportMidParse;

/// Steps of this sweep; those of backup, restore and rebuild have one of their own, and a disk that fails is not among them.
fn own_steps() -> impl Iterator<Item = &'static Step> + Clone {
    let elsewhere =
        |step: &Step| ["backup.", "restore.", "rebuild.", "sync."].iter().any(|of| step.name().starts_with(of));
    Step::ALL.iter().filter(move |step| !elsewhere(step))
}

/// What makes the server pass a step.
fn acts_for(step: Step) -> &'static [Act] {
    match step.name().split('.').next().unwrap_or_default() {
        "stage" | "place" | "commit" => &[Act::Stage, Act::CompleteRefresh],
        "refresh" | "quarantine" => &[Act::Stage, Act::DamageAndRefresh],
        "recreate" => &[Act::Stage, Act::Recreate],
        "delete" => &[Act::Stage, Act::Delete],
        "integrity" => &[Act::Stage, Act::DamageAndCheck],
        "relocate" => &[Act::Stage, Act::RelocateThere],
        "undo" => &[Act::Stage, Act::RelocateThere, Act::Undo],
        "adopt" => &[Act::Adopt],
        "supply" => &[Act::Supply],
        "prune" => &[Act::Stage, Act::RelocateThere, Act::PruneHere],
        // They are passed at start and by the import.
        "reconcile" | "import" => &[],
        _ => &[Act::Stage],
    }
}

/// Does what makes the server pass the step, until all is done or it is gone.
pub(crate) async fn provoke(
    plant: &Plant,
    driver: &Driver,
    (step, acts): (Step, &[Act]),
    bulletin: &str,
    chance: &mut Chance,
) -> Result<(), Gone> {
    if step.name().starts_with("import.") {
        plant.publish_revision();
        let import = "/api/v1/feeds/example/import";
        let answer = driver.client.try_call(reqwest::Method::POST, import, Some(&serde_json::json!({}))).await;
        answer.map_err(|_| Gone)?;
    }
    for act in acts {
        driver.act(*act, bulletin, chance).await?;
        driver.wait_idle().await?;
    }
    driver.wait_idle().await
}

/// One fault at one step, then recovery. Whether the server died of it.
async fn one(plant: &mut Plant, step: Step, acts: &[Act], action: &str, chance: &mut Chance) -> bool {
    let (open, done) = (Open::default(), Arc::default());
    let large = step == Step::StageAfterFsync;
    let bulletin = if large { LARGE.to_owned() } else { chance.pick(&plant.bulletins).clone() };
    // Something to stage: the bulletin's packages go first, unless the step needs them.
    let driver = plant.driver(&open, &done);
    for _ in 0..2 {
        driver.act(Act::Delete, &bulletin, chance).await.expect("the server runs");
        driver.wait_idle().await.expect("the server runs");
    }
    plant.server.set_env(FAULT, &format!("{}:{action}:1", step.name()));
    plant.server.spawn();
    let mut died = !plant.server.comes_up().await;
    if !died {
        // What is sent is answered when it has arrived: the fault is that answer.
        let driver = Driver { errors_expected: step == Step::SupplyAfterReceive, ..plant.driver(&open, &done) };
        died = provoke(plant, &driver, (step, acts), &bulletin, chance).await.is_err();
    }
    plant.server.kill_9();
    if let Err(findings) = judge::crashed(plant).await {
        judge::fail(plant, &format!("{} {action}, seed {}", step.name(), chance.seed()), &findings);
    }
    // The second fault comes while the first one is being cleared.
    let second = *chance.pick(&[Step::ReconcileBefore, Step::ReconcileAfterStaging, Step::ReconcileAfter]);
    plant.server.set_env(FAULT, &format!("{}:kill:1", second.name()));
    plant.server.spawn();
    if !plant.server.comes_up().await
        && let Err(findings) = judge::crashed(plant).await
    {
        let when = format!("{} {action} and {}, seed {}", step.name(), second.name(), chance.seed());
        judge::fail(plant, &when, &findings);
    }
    plant.server.remove_env(FAULT);
    plant.server.restart().await;
    let driver = plant.driver(&open, &done);
    judge::recovered(plant, &driver).await;
    if large {
        driver.act(Act::Delete, &bulletin, chance).await.expect("the server runs");
    }
    died
}

/// Every fault at each of these steps, shared out among servers. How many faults, and the steps at which a kill ended one.
async fn sweep(
    name: &str,
    steps: impl Iterator<Item = Step> + Clone,
    acts: fn(Step) -> &'static [Act],
) -> (usize, BTreeSet<&'static str>) {
    let mut chance = Chance::new(name);
    let every = steps.flat_map(|step| ["kill", "error", "panic"].map(|action| (step, action)));
    let faults: Vec<_> = (0..times(1, 20)).flat_map(|_| every.clone()).collect();
    let servers: Vec<_> = faults
        .chunks(faults.len().div_ceil(AT_ONCE))
        .map(|share| tokio::spawn(shared(share.to_vec(), acts, chance.branch())))
        .collect();
    let mut reached = BTreeSet::new();
    for server in servers {
        reached.extend(server.await.unwrap_or_else(|e| panic!("{e}")));
    }
    (faults.len(), reached)
}

/// One server's share. The steps at which a kill ended it.
async fn shared(
    faults: Vec<(Step, &'static str)>,
    acts: fn(Step) -> &'static [Act],
    mut chance: Chance,
) -> BTreeSet<&'static str> {
    let mut plant = Plant::start().await;
    let mut reached = BTreeSet::new();
    for (step, action) in faults {
        if one(&mut plant, step, acts(step), action, &mut chance).await && action == "kill" {
            reached.insert(step.name());
        }
    }
    reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_02_d_03_every_step_can_fail_or_be_the_last() {
    let (faults, reached) = sweep("sweep over steps", own_steps().copied(), acts_for).await;
    let of_the_server = own_steps().filter(|step| **step != OF_THE_PARSER).map(|step| step.name());
    let missed: Vec<_> = of_the_server.filter(|name| !reached.contains(name)).collect();
    figures!(
        "sweep over steps: {faults} faults at {} steps, 0 violations; a kill reached {}",
        own_steps().count(),
        reached.len()
    );
    assert!(missed.is_empty(), "no operation passed {missed:?}");
}

/// The same deleter, many packages in one batch, and a job that says at its end what it has deleted before it was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_02_deleting_the_unused_can_fail_or_be_the_last_at_every_step() {
    let deleting = Step::ALL.iter().copied().filter(|step| step.name().starts_with("delete."));
    let acts = |_: Step| -> &'static [Act] { &[Act::Stage, Act::DeleteUnused] };
    let (faults, reached) = sweep("sweep over steps of delete-unused", deleting.clone(), acts).await;
    assert_eq!(reached.len(), deleting.count(), "a kill reached only {reached:?}");
    figures!("sweep over steps of delete-unused: {faults} faults, 0 violations; a kill reached {}", reached.len());
}
