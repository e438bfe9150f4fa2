//! H3 on a sample: system calls that fail or are the last, by strace.

use std::{process::Command, sync::Arc};

use patchwharf_testkit::{Chance, skipped, times};

use crate::{
    driver::{Act, Driver, Open},
    judge,
    plant::Plant,
};

/// Up to which call faults are tried. A soak tries each.
const LAST: usize = 60;

/// Why strace cannot be used here.
pub(crate) fn no_strace() -> Option<String> {
    match Command::new("strace").args(["-f", "-o", "/dev/null", "-e", "trace=fsync", "true"]).output() {
        Ok(ran) if ran.status.success() => None,
        Ok(ran) => Some(format!("strace is not allowed here: {}", String::from_utf8_lossy(&ran.stderr).trim())),
        Err(error) => Some(format!("strace is not installed: {error}")),
    }
}

/// strace before a program and all that it starts, with what it is to do.
pub(crate) fn strace<'a>(what: &[&'a str]) -> Vec<&'a str> {
    ["strace", "-f", "-qq", "-e", "signal=none", "-o", "/dev/null"].into_iter().chain(what.iter().copied()).collect()
}

async fn busy(driver: &Driver, chance: &mut Chance) -> Result<(), crate::driver::Gone> {
    for act in [Act::Stage, Act::DamageAndRefresh, Act::Delete, Act::CompleteRefresh] {
        let bulletin = chance.pick(&driver.bulletins).clone();
        driver.act(act, &bulletin, chance).await?;
    }
    driver.wait_idle().await
}

/// Runs the server with one fault in one call; true when the fault took place or ended it.
async fn one(plant: &mut Plant, call: &str, fault: &str, when: u64, chance: &mut Chance) {
    let (open, done) = (Open::default(), Arc::default());
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}:when={when}"));
    plant.server.set_wrapper(&strace(&["--seccomp-bpf", "-e", &trace, "-e", &inject]));
    plant.server.spawn();
    if plant.server.comes_up().await {
        let driver = Driver { errors_expected: true, ..plant.driver(&open, &done) };
        let _ = busy(&driver, chance).await;
    }
    plant.server.kill_9();
    let case = format!("{call} {fault} when={when}, seed {}", chance.seed());
    if let Err(findings) = judge::crashed(plant).await {
        judge::fail(plant, &case, &findings);
    }
    plant.server.set_wrapper(&[]);
    plant.server.restart().await;
    judge::recovered(plant, &plant.driver(&open, &done)).await;
}

async fn sample(name: &str, calls: &[&str], fault: &str, each: usize) {
    if let Some(why) = no_strace() {
        return skipped(&format!("{name}: {why}"));
    }
    let mut chance = Chance::new(name);
    let mut plant = Plant::start().await;
    let mut count = 0;
    for call in calls {
        let each = times(each, LAST);
        for number in 1..=each {
            // Counted per thread: most of what happens, happens early.
            let when = match each {
                LAST => number as u64,
                _ if chance.once_in(3) => chance.between(1, LAST as u64),
                _ => chance.between(1, 8),
            };
            one(&mut plant, call, fault, when, &mut chance).await;
            count += 1;
        }
    }
    figures!("{name}: {count} faults in {}, 0 violations", calls.join(", "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_03_any_system_call_can_be_the_last() {
    let calls = ["fsync", "fdatasync", "renameat2", "unlinkat", "mkdirat", "pwrite64", "linkat"];
    sample("last system call", &calls, "signal=SIGKILL", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_08_a_failing_fsync_is_never_acknowledged() {
    sample("failing fsync", &["fsync", "fdatasync"], "error=EIO", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_26_no_descriptor_left_is_a_clean_error() {
    sample("no descriptor", &["openat2", "openat", "mkdirat"], "error=EMFILE", 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_26_a_quota_that_is_used_up_is_a_clean_error() {
    sample("no quota", &["pwrite64", "mkdirat", "linkat", "fallocate"], "error=EDQUOT", 3).await;
}
