//! Writes the first inputs of the fuzz targets: `fuzz_seeds FOLDER` makes `FOLDER/<target>/seed-<name>`. `cargo xtask fuzz`
//! calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod advisories;
mod cab;
mod deb822;
mod inrelease;
mod sdp;
mod wire;

use std::{fs, path::Path};

/// A name and the bytes.
pub(crate) type Seed = (String, Vec<u8>);

pub(crate) fn seed(name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    (name.to_owned(), bytes.into())
}

fn main() {
    let folder = std::env::args_os().nth(1).expect("usage: fuzz_seeds FOLDER");
    for (target, seeds) in [
        ("advisories", advisories::seeds()),
        ("cab", cab::seeds()),
        ("deb822", deb822::seeds()),
        ("inrelease", inrelease::seeds()),
        ("sdp", sdp::seeds()),
        ("wire", wire::seeds()),
    ] {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in seeds {
            fs::write(folder.join(format!("seed-{name}")), bytes).unwrap();
        }
    }
}
