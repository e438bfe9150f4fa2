use std::{path::Path, process::Command};

use super::*;

fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<bool> {
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(ran) => {
            if !ran.status.success() {
                eprintln!("{program}: {}", String::from_utf8_lossy(&ran.stderr));
            }
            Some(ran.status.success())
        }
        Err(error) => {
            crate::skipped(&format!("{program}: {error}"));
            None
        }
    }
}

#[test]
fn gpgv_accepts_what_each_kind_of_key_signed() {
    let repository = Repository::new([Deb::new("example", "1.0-1", "amd64")]);
    for kind in [KeyKind::Ed25519, KeyKind::Rsa, KeyKind::Subkey] {
        let key = Key::generate(kind);
        let folder = tempfile::tempdir().unwrap();
        let keyring = key.write_keyring(folder.path());
        let keyring = keyring.to_str().unwrap();
        for (path, bytes) in repository.files(&key) {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        let dists = folder.path().join("dists/bookworm-security");
        assert_ne!(run("gpgv", &["--keyring", keyring, "InRelease"], &dists), Some(false), "{kind:?}");
        assert_ne!(run("gpgv", &["--keyring", keyring, "Release.gpg", "Release"], &dists), Some(false), "{kind:?}");
        let other = Key::generate(KeyKind::Ed25519).write_keyring(folder.path());
        assert_ne!(run("gpgv", &["--keyring", other.to_str().unwrap(), "InRelease"], &dists), Some(true));
    }
}

#[test]
fn dpkg_reads_a_package() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.deb"), Deb::new("example", "2:1.0-1", "all").bytes).unwrap();
    assert_ne!(run("dpkg-deb", &["--info", "x.deb"], folder.path()), Some(false));
    assert_ne!(run("dpkg-deb", &["--contents", "x.deb"], folder.path()), Some(false));
}

#[test]
fn every_index_is_where_release_says() {
    let mut repository = Repository::new([Deb::new("b", "1", "amd64"), Deb::new("a", "1:2", "all").source("src")]);
    repository.compressions = vec![Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::Plain];
    let files = repository.files(&Key::generate(KeyKind::Ed25519));
    let release = repository.release();
    for line in release.lines().filter(|line| line.starts_with(' ')) {
        let [digest, size, path] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = &files[&format!("dists/bookworm-security/{path}")];
        assert_eq!(
            (bytes.len().to_string().as_str(), crate::payload::sha256(bytes).to_string().as_str()),
            (size, digest)
        );
    }
    assert!(files.contains_key("pool/main/s/src/a_2_all.deb"));
    assert_eq!(files.keys().filter(|path| path.contains("/by-hash/")).count(), 4);
}

#[test]
fn advisories_are_written_in_both_forms() {
    let advisory = Advisory::new("DSA-1-1", "2026-11-20", "example", "1.0-2", &["CVE-2026-1", "CVE-2026-2"]);
    let list = dsa_list(std::slice::from_ref(&advisory));
    assert_eq!(
        list,
        "[20 Nov 2026] DSA-1-1 example - security update\n\t{CVE-2026-1 CVE-2026-2}\n\t[bookworm] - example 1.0-2\n"
    );
    assert!(osv_zip(&[advisory]).starts_with(b"PK"));
}
