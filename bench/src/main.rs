//! Measures the server beside its peers. Every figure is a whole command from start to end; pairs run in turn, so that
//! a machine that slows down slows both, and what counts is their ratio.

mod answers;
mod ask;
mod catalogue;
mod console;
mod import;
mod integrity;
mod large;
mod nginx;
mod past;
mod process;
mod relocate;
mod report;
mod serve;
mod server;
mod stage;
mod staged;
mod unused;

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::Parser;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Case {
    /// 1,000 files of 256 KiB and 8 of 64 MiB beside rclone + sync + sha256sum, and beside aria2c.
    StageLarge,
    /// 10,000 files of 4 KiB as 10,000 packages beside rclone + sync, and beside aria2c.
    StageSmall,
    /// HP's catalogue, the same again unchanged, and 136,478 generated updates.
    Import,
    /// Memory of an idle server.
    Idle,
    /// One 64 MiB file over loopback beside nginx.
    Serve,
    /// A full check of 763 MiB beside openssl sha256, and the rate over 10,000 files of 4 KiB.
    Integrity,
    /// Requests while a check is under way, beside the idle server.
    Answers,
    /// The whole store to another folder beside cp -a + sync + sha256sum, and by links.
    Relocate,
    /// 11,000 packages that nothing uses, deleted beside rm -rf + sync of the same tree.
    DeleteUnused,
    /// Pages of the console at 50,000 bulletins, 200,000 packages and 1,000,000 log records.
    Console,
}

#[derive(Parser)]
#[command(about = "Measure the server beside its peers")]
struct Arguments {
    /// What to measure; everything when none is named.
    cases: Vec<Case>,
    /// The server binary (built with --release).
    #[arg(long)]
    binary: Utf8PathBuf,
    /// Folder for data, on the disk that is to be measured.
    #[arg(long)]
    work: Utf8PathBuf,
    /// Pairs that are counted.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Where HP's sample catalogue is looked for.
    #[arg(long)]
    samples: Option<Utf8PathBuf>,
    /// Write the table to this file too.
    #[arg(long)]
    write: Option<Utf8PathBuf>,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    if let (Some(relocate::DROP), Some(folder)) = (words.next().as_deref(), words.next()) {
        return relocate::drop_cache(folder.as_str().into());
    }
    let arguments = Arguments::parse();
    let binary = arguments.binary.canonicalize_utf8().with_context(|| format!("look for {}", arguments.binary))?;
    let bench = process::Bench::new(binary, &arguments.work, arguments.pairs)?;
    let wanted = |case: Case| arguments.cases.is_empty() || arguments.cases.contains(&case);
    let mut report = report::Report::default();
    if wanted(Case::Idle) {
        serve::idle(&bench, &mut report)?;
    }
    if wanted(Case::Import) {
        import::run(&bench, arguments.samples.as_deref(), &mut report)?;
    }
    if wanted(Case::Serve) {
        serve::run(&bench, &mut report)?;
    }
    if wanted(Case::StageSmall) {
        stage::run(&bench, &stage::SMALL, &mut report)?;
    }
    if wanted(Case::StageLarge) {
        stage::run(&bench, &stage::LARGE, &mut report)?;
    }
    if wanted(Case::Integrity) {
        integrity::run(&bench, &mut report)?;
    }
    if wanted(Case::Answers) {
        answers::run(&bench, &mut report)?;
    }
    if wanted(Case::Relocate) {
        relocate::run(&bench, &mut report)?;
    }
    if wanted(Case::DeleteUnused) {
        unused::run(&bench, &mut report)?;
    }
    if wanted(Case::Console) {
        console::run(&bench, &mut report)?;
    }
    let text = report.markdown();
    report::print(&text);
    if let Some(path) = arguments.write {
        std::fs::write(&path, text).with_context(|| format!("write {path}"))?;
    }
    anyhow::ensure!(report.missed().is_empty(), "these miss their targets:\n{}", report.missed().join("\n"));
    Ok(())
}
