//! Who may depend on whom.

use anyhow::{Result, bail};

use crate::command::{cargo, output};

struct Layer {
    name: &'static str,
    /// Crates of ours that it may use.
    uses: &'static [&'static str],
    /// Crates of others that it must not name as dependencies.
    never: &'static [&'static str],
    /// Crates that must not even come in through others.
    nowhere: &'static [&'static str],
}

const SQL: &str = "sqlx";
const HTTP: [&str; 4] = ["axum", "hyper", "reqwest", "tower-http"];

const LAYERS: [Layer; 8] = [
    Layer {
        name: "patchwharf-model",
        uses: &[],
        never: &[],
        nowhere: &["tokio", SQL, HTTP[0], HTTP[1], HTTP[2], "rustix", "aws-lc-rs"],
    },
    Layer {
        name: "patchwharf-trust",
        uses: &["patchwharf-model"],
        never: &[],
        nowhere: &[SQL, HTTP[0], HTTP[1], HTTP[2], "tokio"],
    },
    Layer {
        name: "patchwharf-feeds",
        uses: &["patchwharf-model"],
        never: &[],
        nowhere: &[SQL, HTTP[0], HTTP[1], HTTP[2], "tokio", "aws-lc-rs"],
    },
    Layer {
        name: "patchwharf-db",
        uses: &["patchwharf-model", "patchwharf-trust"],
        never: &HTTP,
        nowhere: &["axum", "reqwest"],
    },
    Layer {
        name: "patchwharf-store",
        uses: &["patchwharf-model", "patchwharf-trust"],
        never: &HTTP,
        nowhere: &[SQL, "axum", "reqwest"],
    },
    // The judge shares no code with what it judges.
    Layer { name: "patchwharf-checker", uses: &[], never: &HTTP, nowhere: &["axum", "reqwest"] },
    Layer { name: "patchwharf-testkit", uses: &["patchwharf-model"], never: &["axum"], nowhere: &[] },
    Layer {
        name: "patchwharf-server",
        uses: &[
            "patchwharf-model",
            "patchwharf-trust",
            "patchwharf-feeds",
            "patchwharf-db",
            "patchwharf-store",
            "patchwharf-checker",
        ],
        never: &["quick-xml", "lzxd", "flate2", "liblzma", "zstd", "zip", "pgp", "aws-lc-rs", SQL],
        nowhere: &[],
    },
];

pub(super) fn check() -> Result<()> {
    let mut broken = Vec::new();
    for layer in &LAYERS {
        let direct = dependencies(layer.name, "1")?;
        let ours = direct.iter().filter(|name| name.starts_with("patchwharf-") && !layer.uses.contains(&name.as_str()));
        broken.extend(ours.map(|name| format!("{} may not use {name}", layer.name)));
        let strange = direct.iter().filter(|name| layer.never.contains(&name.as_str()));
        broken.extend(strange.map(|name| format!("{} may not name {name}", layer.name)));
        if !layer.nowhere.is_empty() {
            let all = dependencies(layer.name, "99")?;
            let strange = all.iter().filter(|name| layer.nowhere.contains(&name.as_str()));
            broken.extend(strange.map(|name| format!("{} may not bring in {name}", layer.name)));
        }
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("; "));
    }
    println!("{} crates keep to their layers", LAYERS.len());
    Ok(())
}

/// Names of what the crate is built from, tests aside.
fn dependencies(package: &str, depth: &str) -> Result<Vec<String>> {
    let arguments =
        ["tree", "--locked", "-p", package, "--depth", depth, "-e", "normal", "--prefix", "none", "-f", "{p}"];
    let text = output(&mut cargo(&arguments))?;
    let mut names: Vec<String> =
        text.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
