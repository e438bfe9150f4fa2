//! Measures placing: `cargo run --example place_many -- FOLDER [PACKAGES [BYTES]]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{sync::Arc, time::Instant};

use camino::Utf8PathBuf;
use patchwharf_model::{
    BulletinId, DeploymentId, FileName, PackageId, Timestamp, UpdateId,
    package::{Manifest, ManifestFile},
    update::VendorDigest,
};
use patchwharf_store::{Content, Expected, Location, NewVersion, Partial};
use patchwharf_trust::{ManifestKey, sha256};

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = Utf8PathBuf::from(args.next().expect("a folder")).join(format!("bench-{}", std::process::id()));
    let packages: usize = args.next().map_or(10_000, |n| n.parse().unwrap());
    let size: usize = args.next().map_or(4096, |n| n.parse().unwrap());
    let location = Arc::new(Location::create(&folder.join("packages"), DeploymentId::new(), Timestamp::now()).unwrap());
    let key = ManifestKey::open_or_make(folder.join("manifest.key").as_std_path()).unwrap();

    let begin = Instant::now();
    let (mut fetching, mut placing) = (0.0, 0.0);
    let before = location.counts();
    for first in (0..packages).step_by(1000) {
        let start = Instant::now();
        let batch = (first..packages.min(first + 1000)).map(|n| version(&location, n, size)).collect();
        fetching += start.elapsed().as_secs_f64();
        let start = Instant::now();
        for result in location.place(batch, &key) {
            result.unwrap();
        }
        placing += start.elapsed().as_secs_f64();
    }
    let seconds = begin.elapsed().as_secs_f64();
    let after = location.counts();
    println!(
        "{packages} packages of {size} bytes: {seconds:.2} s ({:.0}/s; writing and hashing {fetching:.2} s, placing {placing:.2} s), \
         {:.3} fsyncs per package",
        packages as f64 / seconds,
        (after.fsyncs - before.fsyncs) as f64 / packages as f64,
    );
}

fn version(location: &Arc<Location>, n: usize, size: usize) -> NewVersion {
    let mut content = vec![7; size];
    content[..8].copy_from_slice(&n.to_le_bytes());
    let digest = VendorDigest::Sha256(sha256(&content));
    let expected = Expected { digest, size_bytes: size as u64, pinned: None };
    let mut partial = Partial::open(location, expected).unwrap();
    for piece in content.chunks(256 * 1024) {
        partial.write(piece).unwrap();
    }
    let verified = partial.finish().unwrap();
    let file = ManifestFile {
        name: FileName::new("file.deb").unwrap(),
        size_bytes: size as u64,
        sha256: verified.digests().sha256,
        vendor_digest: digest,
        source: Some("http://127.0.0.1/file.deb".to_owned()),
    };
    let manifest = Manifest {
        format: 1,
        package: PackageId::new(),
        version: 1,
        update: UpdateId::new(),
        update_key: format!("update-{n}"),
        feed: "bench".to_owned(),
        bulletin: BulletinId::new(),
        bulletin_key: format!("bulletin-{n}"),
        staged_at: Timestamp::now(),
        files: vec![file],
    };
    NewVersion { manifest, content: vec![Content::Fetched(Arc::new(verified))] }
}
