//! Imports: a real vendor's catalogue, the same again, and a large generated one.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::Result;
use camino::Utf8Path;

use crate::{
    catalogue,
    process::{Bench, memory_kib, settle, timed},
    report::Report,
    server::Server,
};

/// As many updates as Microsoft's offline catalogue has.
const MANY: usize = 136_478;

pub(crate) fn run(bench: &Bench, samples: Option<&Utf8Path>, report: &mut Report) -> Result<()> {
    let hp = samples.map(|folder| folder.join("sdp/generated/HpCatalogForSms.mszip.cab")).filter(|path| path.exists());
    match hp {
        None => report.skipped("import of HP's catalogue", "the sample is not at hand"),
        Some(catalogue) => {
            let (mut first, mut again) = (Vec::new(), Vec::new());
            for _ in 0..bench.pairs {
                let data = bench.fresh("data")?;
                let server = Server::start(bench, &data)?;
                timed(&mut server.command(&["feed", "add", "sdp", catalogue.as_str(), "--name", "hp"]))?;
                settle();
                first.push(timed(&mut server.command(&["feed", "import", "hp"]))?);
                again.push(timed(&mut server.command(&["feed", "import", "hp"]))?);
            }
            report.alone("import of HP's catalogue (1,829 updates)", &first, "1 s");
            report.alone("the same again, nothing changed", &again, "0.2 s");
        }
    }

    let catalogue = bench.work.join("many.xml");
    catalogue::write_many(&catalogue, MANY)?;
    let data = bench.fresh("data")?;
    let server = Server::start(bench, &data)?;
    timed(&mut server.command(&["feed", "add", "sdp", catalogue.as_str(), "--name", "many"]))?;
    settle();
    let (taken, peak_kib) = with_memory(server.pid(), || timed(&mut server.command(&["feed", "import", "many"])))?;
    report.alone("import of 136,478 generated updates", &[taken], "60 s");
    report.single(
        "memory in that import, server and parser together",
        &format!("{} MiB at most", peak_kib / 1024),
        "under 500 MiB",
    );
    Ok(())
}

/// Watches a process and its children while something runs: the highest sum of their resident memory.
fn with_memory<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let (stop, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let sum = family(pid).into_iter().filter_map(|pid| memory_kib(pid).ok()).map(|(now, _)| now).sum();
                peak.fetch_max(sum, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        });
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })?;
    Ok((result, peak.load(Ordering::Relaxed)))
}

fn family(pid: u32) -> Vec<u32> {
    let mut pids = vec![pid];
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    pids
}
