//! C-17: the kernel kills the server for want of memory.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use patchwharf_testkit::{Chance, eventually, skipped};

use crate::{
    driver::{Act, Open},
    judge,
    plant::{LARGE, Plant},
};

/// A memory group of its own (cgroup v1); removed when dropped.
struct Group(PathBuf);

impl Group {
    fn create() -> Result<Self, String> {
        let path = PathBuf::from(format!("/sys/fs/cgroup/memory/patchwharf-test-{}", std::process::id()));
        fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let group = Self(path);
        // A group that cannot be limited is of no use.
        group.set("memory.limit_in_bytes", "4294967296")?;
        Ok(group)
    }

    fn set(&self, name: &str, value: &str) -> Result<(), String> {
        fs::write(self.0.join(name), value).map_err(|e| format!("{name}: {e}"))
    }

    fn usage(&self) -> u64 {
        let text = fs::read_to_string(self.0.join("memory.usage_in_bytes")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_17_being_killed_for_want_of_memory_loses_nothing() {
    let group = match Group::create() {
        Ok(group) => group,
        Err(why) => return skipped(&format!("out of memory: no memory groups here: {why}")),
    };
    let mut chance = Chance::new("out of memory");
    let mut plant = Plant::start().await;
    let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.0.display());
    plant.server.set_wrapper(&["sh", "-c", &enter, "sh"]);
    plant.server.restart().await;
    let (open, done) = (Open::default(), Arc::default());
    let driver = plant.driver(&open, &done);
    let workers: Vec<_> = (0..2).map(|_| tokio::spawn(driver.clone().work(chance.branch()))).collect();
    let _ = driver.act(Act::Stage, LARGE, &mut chance).await;
    // The limit goes down step by step, until the kernel finds nothing else to free for what the server asks next.
    eventually("the kernel kills the server", Duration::from_secs(30), || {
        let limit = group.usage().saturating_sub(256 << 10).max(1 << 20);
        let _ = group.set("memory.limit_in_bytes", &limit.to_string());
        (!plant.server.runs()).then_some(())
    });
    plant.server.kill_9();
    for worker in workers {
        worker.await.unwrap();
    }
    if let Err(findings) = judge::crashed(&plant).await {
        judge::fail(&plant, "out of memory", &findings);
    }
    plant.server.set_wrapper(&[]);
    plant.server.restart().await;
    judge::recovered(&plant, &plant.driver(&open, &done)).await;
    figures!("out of memory: killed by the kernel once, 0 violations");
}
