//! `cargo xtask test` and `cargo xtask soak`.

use anyhow::Result;

use crate::{postgres::Cluster, runner::Run, system};

/// What the crash suites live in.
const FAULT_PACKAGES: [&str; 3] = ["patchwharf-store", "patchwharf-server", "patchwharf-testkit"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only tests whose names contain this.
    filter: Option<String>,
    /// Only these packages.
    #[arg(short, long)]
    package: Vec<String>,
    /// Install nothing, even where it would be possible.
    #[arg(long)]
    no_install: bool,
}

/// Everything, on both databases.
pub(crate) fn run(options: &Options) -> Result<()> {
    system::prepare(!options.no_install)?;
    let packages: Vec<&str> = options.package.iter().map(String::as_str).collect();
    with_postgres(Run { packages: &packages, filter: options.filter.as_deref(), variables: Vec::new() })
}

/// The fault suites at full counts.
pub(crate) fn soak(scale: u32) -> Result<()> {
    system::prepare(true)?;
    println!("fault suites at scale {scale}");
    with_postgres(Run {
        packages: &FAULT_PACKAGES,
        filter: None,
        variables: vec![("PATCHWHARF_FAULT_SCALE", scale.to_string())],
    })
}

fn with_postgres(mut run: Run<'_>) -> Result<()> {
    let given = std::env::var("PATCHWHARF_TEST_POSTGRES").is_ok_and(|url| !url.is_empty());
    let cluster = if given { None } else { Cluster::start()? };
    match &cluster {
        Some(cluster) => {
            println!("PostgreSQL of our own: {}", cluster.url());
            run.variables.push(("PATCHWHARF_TEST_POSTGRES", cluster.url()));
        }
        None if given => println!("PostgreSQL as PATCHWHARF_TEST_POSTGRES says"),
        None => println!("SKIPPED: PostgreSQL is not installed; everything runs on SQLite only"),
    }
    run.go()
}
