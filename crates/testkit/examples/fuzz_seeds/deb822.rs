//! `Release`, and an index in each packing.

use patchwharf_testkit::apt::{Compression, Deb, Repository};

use crate::{Seed, seed};

pub(crate) fn seeds() -> Vec<Seed> {
    let mut newer = Deb::with_bytes("liba", "1:2.3~rc1-5+b1", "amd64", "bytes");
    newer.source = Some(("a".into(), Some("1:2.3~rc1-5".into())));
    newer.fields = vec![
        ("Depends".into(), "libc6 (>= 2.36), b | c [amd64]".into()),
        ("Multi-Arch".into(), "same".into()),
        ("Homepage".into(), "https://example.test/a".into()),
    ];
    newer.description = "short\n longer\n .\n  more".into();
    let debs = [Deb::with_bytes("liba", "1:2.2-1", "amd64", "old"), newer, Deb::with_bytes("doc", "1", "all", "doc")];
    let mut repository = Repository::new(debs);
    repository.compressions = vec![Compression::Plain, Compression::Gzip, Compression::Xz, Compression::Zstd];
    let mut seeds = vec![seed("release", repository.release())];
    for (path, bytes) in repository.indices() {
        seeds.push(seed(path.rsplit('/').next().unwrap(), bytes));
    }
    seeds
}
