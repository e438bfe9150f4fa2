//! The store against a model of it: any sequence of operations, restarts and damage.

use std::{collections::BTreeMap, sync::Arc};

use patchwharf_model::PackageId;
use proptest::prelude::*;

use super::fixture::*;
use crate::{Content, Existing, Finding, NewVersion, Placed, disk::Native};

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A new package.
    Stage {
        seed: u8,
        length: u32,
    },
    /// The next version of the n-th package: linked where its file is good.
    Refresh {
        n: usize,
    },
    /// Another package with the file of the n-th.
    Recreate {
        n: usize,
    },
    Delete {
        n: usize,
    },
    Damage {
        n: usize,
        how: u8,
    },
    Quarantine {
        n: usize,
    },
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0usize..8;
    prop_oneof![
        4 => (any::<u8>(), prop_oneof![0u32..200, 64_000u32..200_000])
            .prop_map(|(seed, length)| Op::Stage { seed, length }),
        3 => n.clone().prop_map(|n| Op::Refresh { n }),
        2 => n.clone().prop_map(|n| Op::Recreate { n }),
        2 => n.clone().prop_map(|n| Op::Delete { n }),
        2 => (n.clone(), any::<u8>()).prop_map(|(n, how)| Op::Damage { n, how }),
        1 => n.prop_map(|n| Op::Quarantine { n }),
        1 => Just(Op::Restart),
    ]
}

/// What the database would know of a version.
struct Row {
    content: Vec<u8>,
    placed: Placed,
    /// Whether somebody damaged it (or a file that it shares).
    damaged: bool,
    /// Whether its stamp still tells; somebody else's `rm` of another name of its inode changes that.
    stamped: bool,
}

struct Machine {
    f: Fixture,
    rows: BTreeMap<(PackageId, u64), Row>,
}

impl Machine {
    fn nth(&self, n: usize) -> Option<(PackageId, u64)> {
        self.rows.keys().nth(n % self.rows.len().max(1)).copied()
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Stage { seed, length } => {
                let content = bytes(seed, length as usize);
                let verified = Content::Fetched(self.f.fetched(&content));
                self.place(PackageId::new(), 1, content, verified);
            }
            Op::Refresh { n } | Op::Recreate { n } => {
                let Some((package, version)) = self.nth(n) else { return };
                let row = &self.rows[&(package, version)];
                let content = row.content.clone();
                let finding = self.f.location.verify_file(package, version, &to_verify("file", &content));
                let source = match finding {
                    Finding::Good { stamp } => {
                        assert!(!row.damaged, "damage was not found");
                        Content::Existing(Existing { stamp, ..existing(&row.placed, 0) })
                    }
                    bad => {
                        assert!(row.damaged, "{bad:?}");
                        Content::Fetched(self.f.fetched(&content))
                    }
                };
                let target = match op {
                    Op::Refresh { .. } => {
                        (package, self.rows.keys().filter(|(p, _)| *p == package).count() as u64 + version)
                    }
                    _ => (PackageId::new(), 1),
                };
                self.place(target.0, target.1, content, source);
            }
            Op::Delete { n } => {
                let Some(key) = self.nth(n) else { return };
                let Some(row) = self.rows.remove(&key) else { return };
                let done = self.f.location.unlink(&[to_unlink(&row.placed)], now()).pop().unwrap().unwrap();
                for (old, new) in done.restamped {
                    self.restamp(old.inode, new);
                }
                assert!(!self.f.path_of(key.0, key.1, "").exists());
            }
            Op::Damage { n, how } => {
                let Some(key) = self.nth(n) else { return };
                let inode = self.rows[&key].placed.files[0].stamp.inode;
                let path = self.f.path_of(key.0, key.1, "file");
                if how % 3 == 0 || self.rows[&key].content.is_empty() {
                    let _ = std::fs::remove_file(&path);
                    self.sharing(inode).for_each(|row| row.stamped = false);
                    if let Some(row) = self.rows.get_mut(&key) {
                        row.damaged = true;
                    }
                } else if let Ok(file) = std::fs::OpenOptions::new().write(true).open(&path) {
                    let old = self.rows[&key].content[0];
                    std::os::unix::fs::FileExt::write_at(&file, &[old ^ how.max(1)], 0).unwrap();
                    self.sharing(inode).for_each(|row| row.damaged = true);
                }
            }
            Op::Quarantine { n } => {
                let Some(key) = self.nth(n) else { return };
                self.rows.remove(&key);
                self.f.location.quarantine_version(key.0, key.1, now()).unwrap();
            }
            Op::Restart => {
                self.f.location = self.f.restarted();
                assert!(self.f.location.clear_staging(&|_| false).unwrap().is_empty());
            }
        }
    }

    fn place(&mut self, package: PackageId, version: u64, content: Vec<u8>, source: Content) {
        let linked = match &source {
            Content::Existing(existing) => Some(existing.stamp.inode),
            Content::Fetched(_) | Content::Given(_) => None,
        };
        let new = NewVersion { manifest: manifest(package, version, &[("file", &content)]), content: vec![source] };
        match self.f.location.place(vec![new], &self.f.key).pop().unwrap() {
            Ok(placed) => {
                self.restamp(placed.files[0].stamp.inode, placed.files[0].stamp);
                let replaced =
                    self.rows.insert((package, version), Row { content, placed, damaged: false, stamped: true });
                assert!(replaced.is_none(), "a version was overwritten");
            }
            Err(crate::PlaceError::Occupied { .. }) => {
                assert!(self.rows.contains_key(&(package, version)));
                // The link came and went again: nobody was told the stamp, so after a restart it is hashed anew.
                linked.into_iter().for_each(|inode| self.sharing(inode).for_each(|row| row.stamped = false));
            }
            Err(e) => panic!("{e}"),
        }
    }

    fn sharing(&mut self, inode: u64) -> impl Iterator<Item = &mut Row> {
        self.rows.values_mut().filter(move |row| row.placed.files[0].stamp.inode == inode)
    }

    fn restamp(&mut self, inode: u64, stamp: patchwharf_model::package::ProofStamp) {
        for row in self.sharing(inode).filter(|row| !row.damaged) {
            row.placed.files[0].stamp = stamp;
            row.stamped = true;
        }
    }

    fn judge(&self) {
        for ((package, version), row) in &self.rows {
            let check = self.f.location.verify_version(
                *package,
                *version,
                &[to_verify("file", &row.content)],
                &self.f.key.public(),
            );
            assert_eq!(check.is_good(), !row.damaged, "{package}/{version}: {check:?}");
            if row.stamped && !row.damaged {
                let (_, stamp) = self.f.location.open_file(*package, *version, &name("file")).unwrap();
                let proved = &row.placed.files[0].stamp;
                assert!(self.f.location.stamps().stands(proved, &stamp), "{proved:?} {stamp:?}");
            }
        }
    }
}

/// Few in every test run, many in a soak.
fn cases() -> u32 {
    patchwharf_testkit::times(48, 1_000).try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_keeps_what_was_placed(ops in prop::collection::vec(op(), 1..40)) {
        let f = Fixture::in_memory(Arc::new(Native::default()));
        let mut machine = Machine { f, rows: BTreeMap::new() };
        for op in ops {
            machine.apply(op);
        }
        machine.judge();
    }
}
