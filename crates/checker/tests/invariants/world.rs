//! A small database and location made by hand, in which everything holds.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use patchwharf_checker::{Options, Server, Verdict, check};
use serde_json::json;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tempfile::TempDir;

pub(crate) const NOW: i64 = 1_795_000_000_000_000;
const SCHEMA: &[&str] = &[
    include_str!("../../../db/migrations/sqlite/0001_initial.sql"),
    include_str!("../../../db/migrations/sqlite/0002_text_search.sql"),
    include_str!("../../../db/migrations/sqlite/0003_integrity.sql"),
    include_str!("../../../db/migrations/sqlite/0004_originals.sql"),
    include_str!("../../../db/migrations/sqlite/0005_years.sql"),
    include_str!("../../../db/migrations/sqlite/0006_unproved.sql"),
    include_str!("../../../db/migrations/sqlite/0007_accounts.sql"),
    include_str!("../../../db/migrations/sqlite/0008_audit_chain.sql"),
    include_str!("../../../db/migrations/sqlite/0009_history.sql"),
    include_str!("../../../db/migrations/sqlite/0010_saved_views.sql"),
    include_str!("../../../db/migrations/sqlite/0011_package_state.sql"),
    include_str!("../../../db/migrations/sqlite/0012_sorted_columns.sql"),
    include_str!("../../../db/migrations/sqlite/0013_last_look.sql"),
    include_str!("../../../db/migrations/sqlite/0014_counted_pages.sql"),
];
const PACKAGE: &str = "01900000-0000-7000-8000-000000000001";
const FILES: [(&str, &[u8]); 2] = [("a.exe", b"file A"), ("b.msi", b"file B, longer")];

pub(crate) struct World {
    home: TempDir,
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn signed(manifest: &str, seed: &[u8; 32]) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    let signature = hex::encode(pair.sign(manifest.as_bytes()));
    json!({"manifest": manifest, "key": hex::encode(pair.public_key().as_ref()), "signature": signature}).to_string()
}

fn manifest() -> String {
    let files: Vec<_> = FILES
        .iter()
        .map(|(name, bytes)| {
            json!({"name": name, "size_bytes": bytes.len(), "sha256": sha256(bytes),
                   "vendor_digest": {"sha256": sha256(bytes)}, "source": null})
        })
        .collect();
    json!({"format": 1, "package": PACKAGE, "version": 1, "update": "u", "update_key": "k", "feed": "feed",
           "bulletin": "b", "bulletin_key": "PW26-1", "staged_at": "2026-11-22T00:00:00Z", "files": files})
    .to_string()
}

impl World {
    pub(crate) async fn good() -> Self {
        let world = Self { home: TempDir::new().unwrap() };
        std::fs::create_dir_all(world.folder()).unwrap();
        std::fs::create_dir_all(world.location().join(".staging")).unwrap();
        std::fs::create_dir_all(world.location().join(".quarantine")).unwrap();
        let marker = json!({"format": 1, "location_id": "l", "deployment_id": "d", "made_at": "2026-11-22T00:00:00Z"});
        std::fs::write(world.location().join("location.json"), marker.to_string()).unwrap();
        let key = format!("patchwharf-ed25519-seed {}\n", hex::encode([7; 32]));
        std::fs::write(world.home.path().join("manifest.key"), key).unwrap();
        std::fs::write(world.folder().join("package.json"), signed(&manifest(), &[7; 32])).unwrap();
        for (name, bytes) in FILES {
            std::fs::write(world.folder().join(name), bytes).unwrap();
        }
        for migration in SCHEMA {
            world.sql(migration).await;
        }
        world.rows().await;
        world
    }

    async fn rows(&self) {
        let path = self.location();
        let path = path.display();
        let report = r#"{"summary": "1 staged", "counts": {}, "items": []}"#;
        let failure = r#"{"summary": "1 failed", "counts": {}, "items": [{"item": "file a", "outcome": "failed", "failed": true, "reason": "no bytes"}]}"#;
        let size: usize = FILES.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut sql = format!(
            "INSERT INTO location (location_id, path, is_default, created_at) VALUES ('l', '{path}', 1, 0);
             INSERT INTO feed (feed_id, name, kind, config, accept_sha1, current_generation, next_generation, created_at)
               VALUES ('f', 'feed', 'sdp', '{{}}', 0, 2, 3, 0);
             INSERT INTO bulletin (bulletin_id, feed_id, name, folded, enabled, created_at)
               VALUES ('b', 'f', 'PW26-1', 'pw26-1', 1, 0);
             INSERT INTO bulletin_count (bulletin_id, feed_id, from_gen, to_gen, updates, packages, bad_packages, policies,
               oldest_proof_at, listed, enabled) VALUES ('b', 'f', 1, 2, 7, 7, 7, 7, 7, 1, 1), ('b', 'f', 2, NULL, 1, 1, 0, 0, 5, 1, 1);
             INSERT INTO bulletin_revision (bulletin_id, feed_id, from_gen, title, description, vendor, severity,
               released_at, revised_at, cves, kbs, withdrawn, listed, digest, search)
               VALUES ('b', 'f', 1, 't', 'd', 'v', 0, 0, 0, '', '', 0, 1, 'x', '');
             INSERT INTO software_update (update_id, feed_id, update_key, created_at) VALUES ('u', 'f', 'k', 0);
             INSERT INTO package (package_id, update_id, active, current_version, next_version, token, shown_version,
               state, since, size_bytes, location_id, proved_at, verified_at, created_at)
               VALUES ('{PACKAGE}', 'u', 1, 1, 2, 1, 1, 'staged', 0, {size}, 'l', 5, 5, 0);
             INSERT INTO package_version (package_id, version, location_id, state, since, weak, size_bytes, files_digest)
               VALUES ('{PACKAGE}', 1, 'l', 'staged', 0, 0, {size}, 'fd');
             INSERT INTO job (job_id, kind, payload, priority, state, not_before, attempt, progress, report, actor, created_at, ended_at)
               VALUES ('j1', 'stage', '{{}}', 0, 'done', 0, 1, '{{}}', '{report}', 'admin', 0, 1),
                      ('j2', 'stage', '{{}}', 0, 'failed', 0, 1, '{{}}', '{failure}', 'admin', 0, 1);"
        );
        for (from, to) in [("1", "2"), ("2", "NULL")] {
            sql += &format!(
                "INSERT INTO update_revision (update_id, feed_id, from_gen, to_gen, bulletin_id, revised_at, title, vendor,
                   classification, architecture, version, severity, update_type, withdrawn, listed, size_bytes, files,
                   files_digest, digest, search)
                 VALUES ('u', 'f', {from}, {to}, 'b', 0, 't', 'v', 'c', '', '', 0, 'software', 0, 1, {size}, '[{{}}]', 'fd', 'x', '');"
            );
        }
        for (name, bytes) in FILES {
            let meta = std::fs::metadata(self.folder().join(name)).unwrap();
            let digest = sha256(bytes);
            let nanos = |seconds: i64, rest: i64| seconds * 1_000_000_000 + rest;
            sql += &format!(
                "INSERT INTO package_file (package_id, version, name, size_bytes, sha256, vendor_digest, inode, dev, state)
                   VALUES ('{PACKAGE}', 1, '{name}', {}, '{digest}', '{{\"sha256\":\"{digest}\"}}', {}, {}, 'staged');
                 INSERT INTO proof (location_id, dev, inode, size_bytes, mtime_ns, ctime_ns, sha256, verified_at)
                   VALUES ('l', {}, {}, {}, {}, {}, '{digest}', 5);",
                bytes.len(),
                meta.ino(),
                meta.dev(),
                meta.dev(),
                meta.ino(),
                meta.len(),
                nanos(meta.mtime(), meta.mtime_nsec()),
                nanos(meta.ctime(), meta.ctime_nsec()),
            );
        }
        self.sql(&sql).await;
    }

    pub(crate) async fn sql(&self, sql: &str) {
        let options = SqliteConnectOptions::new().filename(self.database()).create_if_missing(true);
        let mut connection: SqliteConnection =
            options.foreign_keys(false).synchronous(SqliteSynchronous::Off).connect().await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    /// A head of the audit trail, signed by the key of this seed.
    pub(crate) async fn seal(&self, audit_id: i64, digest: &str, at: i64, seed: &[u8; 32]) {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
        let text = format!("patchwharf audit trail\n{audit_id}\n{digest}\n{at}\n");
        let (key, signature) = (hex::encode(pair.public_key().as_ref()), hex::encode(pair.sign(text.as_bytes())));
        self.sql(&format!("INSERT INTO audit_seal VALUES ({audit_id}, '{digest}', {at}, '{key}', '{signature}')"))
            .await;
    }

    /// What the server remembers of its audit trail.
    pub(crate) fn remember(&self, heads: &str) {
        std::fs::write(self.home.path().join("audit.heads"), heads).unwrap();
    }

    fn database(&self) -> PathBuf {
        self.home.path().join("patchwharf.db")
    }

    /// A second location, as an earlier relocation has left it.
    pub(crate) async fn original(&self, linked: bool) -> PathBuf {
        let path = self.home.path().join("before");
        let folder = path.join(PACKAGE).join("1");
        std::fs::create_dir_all(&folder).unwrap();
        let marker = json!({"format": 1, "location_id": "o", "deployment_id": "d", "made_at": "2026-11-22T00:00:00Z"});
        std::fs::write(path.join("location.json"), marker.to_string()).unwrap();
        for (name, _) in FILES {
            let (from, to) = (self.folder().join(name), folder.join(name));
            if linked {
                std::fs::hard_link(from, to).unwrap();
            } else {
                std::fs::copy(from, to).unwrap();
            }
        }
        let path = path.display();
        self.sql(&format!(
            "INSERT INTO location (location_id, path, is_default, created_at) VALUES ('o', '{path}', 0, 0);
             INSERT INTO original (package_id, version, location_id, same_data, moved_at, job_id)
               VALUES ('{PACKAGE}', 1, 'o', 0, 0, 'j1');"
        ))
        .await;
        folder
    }

    pub(crate) fn package(&self) -> &'static str {
        PACKAGE
    }

    pub(crate) fn location(&self) -> PathBuf {
        self.home.path().join("packages")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.location().join(PACKAGE).join("1")
    }

    pub(crate) fn replace_manifest_signed_by_another_key(&self) {
        std::fs::write(self.folder().join("package.json"), signed(&manifest(), &[8; 32])).unwrap();
    }

    /// Changes a file and makes its proof stamp fit, as a server that trusts itself too much would.
    pub(crate) async fn damage_and_vouch(&self) {
        let path = self.folder().join("a.exe");
        std::fs::write(&path, b"file Z").unwrap();
        let meta = std::fs::metadata(&path).unwrap();
        let nanos = |seconds: i64, rest: i64| seconds * 1_000_000_000 + rest;
        self.sql(&format!(
            "UPDATE proof SET mtime_ns = {}, ctime_ns = {} WHERE inode = {}",
            nanos(meta.mtime(), meta.mtime_nsec()),
            nanos(meta.ctime(), meta.ctime_nsec()),
            meta.ino()
        ))
        .await;
    }

    pub(crate) fn acknowledge(&self, lines: &str) -> PathBuf {
        let path = self.home.path().join("acknowledged");
        std::fs::write(&path, lines).unwrap();
        path
    }

    pub(crate) fn options(&self) -> Options {
        Options::of_data_folder(self.home.path(), NOW)
    }

    pub(crate) async fn judge(&self) -> Verdict {
        check(&self.options()).await.unwrap()
    }

    pub(crate) async fn judge_at_rest(&self) -> Verdict {
        check(&Options { server: Server::AtRest, ..self.options() }).await.unwrap()
    }

    pub(crate) async fn judge_log(&self, log: &Path) -> Verdict {
        check(&Options { acknowledged: Some(log.to_owned()), ..self.options() }).await.unwrap()
    }
}
