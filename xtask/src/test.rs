//! `cargo xtask test` and `cargo xtask soak`.

use anyhow::Result;

use crate::{postgres::Cluster, runner::Run, system};

/// The tests that ask `patchwharf_testkit::times`.
const FAULT_SUITES: &str = "binary(faults) | (package(patchwharf-store) & test(machine::)) \
                            | (binary(operations) & (test(machine::) | test(steady::) | test(many::r_08_))) \
                            | (package(patchwharf-feeds) & test(mutation::)) \
                            | binary(hostile_cabinets) | (binary(import) & test(huge::))";

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

#[derive(clap::Args)]
pub(crate) struct Soak {
    /// Only tests whose names contain this.
    filter: Option<String>,
    /// So many times the counts of `cargo xtask test` instead of the full ones.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    scale: Option<u32>,
}

/// Everything, on both databases.
pub(crate) fn run(options: &Options) -> Result<()> {
    system::prepare(!options.no_install)?;
    let packages: Vec<&str> = options.package.iter().map(String::as_str).collect();
    with_postgres(Run { packages: &packages, filter: options.filter.as_deref(), suites: None, variables: Vec::new() })
}

/// The fault suites, each at its full count unless told otherwise.
pub(crate) fn soak(options: &Soak) -> Result<()> {
    system::prepare(true)?;
    let scale = options.scale.map_or_else(|| "full".to_owned(), |scale| scale.to_string());
    println!("fault suites at scale {scale}");
    with_postgres(Run {
        packages: &[],
        filter: options.filter.as_deref(),
        suites: Some(FAULT_SUITES),
        variables: vec![("PATCHWHARF_FAULT_SCALE", scale)],
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
