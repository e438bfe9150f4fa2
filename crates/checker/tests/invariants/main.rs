//! Each rule, broken on purpose: a judge that never says no is none.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use patchwharf_checker::Grade;
use world::{NOW, World};

/// A world in which everything holds, with one thing changed by SQL.
async fn after_sql(sql: &str) -> patchwharf_checker::Verdict {
    let world = World::good().await;
    world.sql(sql).await;
    world.judge().await
}

async fn expect(code: &str, sql: &str) {
    let verdict = after_sql(sql).await;
    assert!(verdict.has(code), "{code} is not among\n{verdict}");
    assert!(!verdict.holds());
}

#[tokio::test]
async fn a_good_world_holds() {
    let world = World::good().await;
    let verdict = world.judge().await;
    assert!(verdict.findings.is_empty(), "{verdict}");
    assert_eq!((verdict.figures.staged, verdict.figures.files, verdict.figures.jobs), (1, 2, 2));
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!(json["holds"], true);
}

#[tokio::test]
async fn i2_damage_to_bytes_is_found() {
    let world = World::good().await;
    std::fs::write(world.folder().join("a.exe"), b"file A, changed").unwrap();
    assert!(world.judge().await.has("file-length"));

    let world = World::good().await;
    let mut bytes = std::fs::read(world.folder().join("a.exe")).unwrap();
    bytes[0] ^= 1;
    std::fs::write(world.folder().join("a.exe"), bytes).unwrap();
    assert!(world.judge().await.has("file-digest"));

    let world = World::good().await;
    std::fs::remove_file(world.folder().join("a.exe")).unwrap();
    assert!(world.judge().await.has("file-missing"));

    let world = World::good().await;
    std::fs::write(world.folder().join("version.dll"), b"planted").unwrap();
    assert!(world.judge().await.has("file-extra"));

    let world = World::good().await;
    std::os::unix::fs::symlink("/etc/passwd", world.folder().join("link")).unwrap();
    assert!(world.judge().await.has("file-odd"));

    let world = World::good().await;
    std::fs::remove_dir_all(world.folder()).unwrap();
    assert!(world.judge().await.has("folder-missing"));
}

#[tokio::test]
async fn i2_a_manifest_that_disagrees_is_found() {
    expect("manifest-differs", "UPDATE package_file SET size_bytes = 1 WHERE name = 'a.exe'").await;
    expect(
        "manifest-update",
        "INSERT INTO software_update VALUES ('u9', 'f', 'k9', 0); UPDATE package SET update_id = 'u9'",
    )
    .await;
    expect("file-unpinned", "UPDATE package_file SET sha256 = NULL WHERE name = 'a.exe'").await;
    expect("file-state", "UPDATE package_file SET state = 'missing', reason = 'x' WHERE name = 'a.exe'").await;
    expect("version-empty", "DELETE FROM package_file").await;
    expect("weak-mark", "UPDATE package_version SET weak = 1").await;

    let world = World::good().await;
    std::fs::remove_file(world.folder().join("package.json")).unwrap();
    assert!(world.judge().await.has("manifest-missing"));

    let world = World::good().await;
    world.replace_manifest_signed_by_another_key();
    assert!(world.judge().await.has("manifest-bad"));

    let world = World::good().await;
    let path = world.folder().join("package.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("a.exe", "b.exe");
    std::fs::write(path, text).unwrap();
    assert!(world.judge().await.has("manifest-bad"));
}

#[tokio::test]
async fn i2_a_location_without_its_marker_is_not_taken_for_an_empty_one() {
    let world = World::good().await;
    std::fs::remove_file(world.location().join("location.json")).unwrap();
    let verdict = world.judge().await;
    assert!(verdict.has("location-unusable") && !verdict.has("folder-missing"), "{verdict}");
}

#[tokio::test]
async fn i3_orphans_are_leftovers_and_at_rest_violations() {
    let world = World::good().await;
    let orphan = world.location().join("0190aaaa-0000-7000-8000-000000000001/1");
    std::fs::create_dir_all(orphan).unwrap();
    std::fs::create_dir_all(world.location().join(".staging/build-1")).unwrap();
    std::fs::write(world.location().join("notes.txt"), b"?").unwrap();
    let verdict = world.judge().await;
    assert!(verdict.has("folder-without-row") && verdict.has("staging-unowned") && verdict.has("stranger"));
    assert!(verdict.holds() && verdict.findings.iter().all(|f| f.grade == Grade::Leftover), "{verdict}");
    let text = verdict.to_string();
    assert!(
        text.contains("note I3 stranger") && text.contains("1 things that are not the server's and stay"),
        "{text}"
    );
    assert!(text.contains("leftovers that the next start clears"), "{text}");
    assert!(!world.judge_at_rest().await.holds());

    expect("row-without-folder", "UPDATE package_version SET state = 'retired', retire_after = 1; UPDATE package SET current_version = NULL; UPDATE package_version SET package_id = package_id, version = 7").await;
    expect("retired-forever", "UPDATE package_version SET state = 'retired'").await;
    assert!(after_sql("UPDATE package_version SET state = 'staging'").await.has("folder-early"));
    assert!(after_sql("UPDATE package_version SET state = 'deleting'").await.has("deletion-unfinished"));
    assert!(after_sql("INSERT INTO proof VALUES ('l', 1, 1, 1, 1, 1, 'x', 1, NULL)").await.has("proof-unused"));
}

#[tokio::test]
async fn originals_are_what_their_rows_say() {
    let world = World::good().await;
    let folder = world.original(false).await;
    let verdict = world.judge_at_rest().await;
    assert!(verdict.holds(), "{verdict}");
    // Without its row it is a version at two places.
    world.sql("DELETE FROM original").await;
    assert!(world.judge().await.has("folder-elsewhere"));

    let world = World::good().await;
    world.original(false).await;
    world.sql("UPDATE original SET location_id = 'l'").await;
    assert!(world.judge().await.has("original-is-served"));
    world.sql("UPDATE original SET location_id = 'o', version = 9").await;
    assert!(world.judge().await.has("original-of-nothing"));

    let world = World::good().await;
    let gone = world.original(false).await;
    std::fs::remove_dir_all(gone.parent().unwrap()).unwrap();
    let verdict = world.judge().await;
    assert!(verdict.has("original-gone") && verdict.holds(), "{verdict}");

    let world = World::good().await;
    world.original(true).await;
    assert!(world.judge().await.has("original-same-data"));
    world.sql("UPDATE original SET same_data = 1").await;
    assert!(!world.judge().await.has("original-same-data"));
    drop(folder);
}

#[tokio::test]
async fn i4_proofs_that_lie_are_found() {
    // The server takes a proof away where an inode is in doubt; it is to be looked at again.
    for sql in ["DELETE FROM proof", "UPDATE package_file SET inode = NULL"] {
        let verdict = after_sql(sql).await;
        assert!(
            verdict.has("proof-missing") && verdict.findings.iter().any(|f| f.grade == Grade::Leftover),
            "{verdict}"
        );
    }
    expect("proof-differs", "UPDATE proof SET sha256 = 'aa'").await;
    let deleting = "UPDATE proof SET sha256 = 'aa'; UPDATE package_version SET state = 'deleting'";
    assert!(!after_sql(deleting).await.has("proof-differs"), "its inode may be another file's");
    let world = World::good().await;
    world.damage_and_vouch().await;
    assert!(world.judge().await.has("proof-wrong"));
}

#[tokio::test]
async fn i5_packages_that_cannot_be_had_are_found() {
    expect("current-missing", "UPDATE package SET current_version = 9, next_version = 10").await;
    expect("current-state", "UPDATE package_version SET state = 'vendor-changed', reason = 'x'").await;
    expect("version-reuse", "UPDATE package SET next_version = 1").await;
    expect("staged-not-current", "UPDATE package SET current_version = NULL").await;
    expect(
        "two-active",
        "DROP INDEX package_active; INSERT INTO package SELECT 'p2', update_id, 1, NULL, 1, 1, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, NULL, 0, 0 FROM package",
    )
    .await;
    expect("location-default", "UPDATE location SET is_default = 0").await;
    expect("reason-missing", "UPDATE package_version SET state = 'corrupt'").await;
    expect("state-unknown", "UPDATE package_version SET state = 'fine'").await;
}

#[tokio::test]
async fn i5_policies_that_point_nowhere_are_found() {
    let base =
        "INSERT INTO policy VALUES ('y', 'servers', 1, 'automatic', 0, 0); UPDATE bulletin_count SET policies = 1; ";
    let world = World::good().await;
    world
        .sql(&format!(
            "{base} INSERT INTO policy_update SELECT 'y', update_id, 1, package_id, 1, 'd', NULL, NULL FROM package"
        ))
        .await;
    let verdict = world.judge().await;
    assert!(verdict.findings.is_empty(), "{verdict}");
    expect(
        "policy-package",
        &format!("{base} INSERT INTO policy_update VALUES ('y', 'u', 1, 'gone', 1, 'd', NULL, NULL)"),
    )
    .await;
    expect(
        "policy-version",
        &format!("{base} INSERT INTO policy_update SELECT 'y', 'u', 1, package_id, 5, 'd', NULL, NULL FROM package"),
    )
    .await;
    expect(
        "policy-behind",
        &format!("{base} INSERT INTO package SELECT 'old', 'u', 0, NULL, 2, 1, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, NULL, 0, 0; INSERT INTO policy_update VALUES ('y', 'u', 1, 'old', NULL, 'd', NULL, NULL)"),
    )
    .await;
}

#[tokio::test]
async fn i5_derived_columns_are_counted_again() {
    for column in [
        "updates",
        "packages",
        "bad_packages",
        "policies",
        "oldest_proof_at",
        "severity",
        "released_at",
        "revised_at",
        "withdrawn",
        "listed",
        "superseded",
        "enabled",
    ] {
        expect("derived-bulletin", &format!("UPDATE bulletin_count SET {column} = 77")).await;
    }
    // Of an import that is not current yet: its own catalogue has no update in the bulletin any more.
    let pending = "UPDATE bulletin_count SET to_gen = 3 WHERE from_gen = 2; UPDATE update_revision SET to_gen = 3 WHERE from_gen = 2; \
                   UPDATE feed SET next_generation = 4; INSERT INTO bulletin_count VALUES ('b', 'f', 3, NULL, ";
    let unfinished = after_sql(&format!("{pending} 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1)")).await;
    assert!(unfinished.holds() && unfinished.has("import-unfinished"), "{unfinished}");
    expect("derived-bulletin", &format!("{pending} 1, 1, 0, 0, 5, 0, 0, 0, 0, 1, 0, 1)")).await;
    expect("derived-missing", "DELETE FROM bulletin_count WHERE from_gen = 2").await;
    expect("derived-bulletin", "UPDATE bulletin_revision SET to_gen = 2").await;
    expect("derived-search", "DELETE FROM bulletin_search").await;
    expect("derived-search", "INSERT INTO update_search (rowid, search) VALUES (77, 'nothing')").await;
    expect("derived-package", "UPDATE package SET state = 'missing'").await;
    expect("derived-package", "UPDATE package SET verified_at = 77").await;
    expect("derived-package", "UPDATE package SET location_id = NULL").await;
    expect("derived-package", "UPDATE package SET weak = 1").await;
    expect("derived-package", "UPDATE package SET unproved = 1").await;
}

#[tokio::test]
async fn i6_jobs_that_nobody_holds_are_found() {
    let abandoned = format!(
        "UPDATE job SET state = 'running', ended_at = NULL, report = NULL, lease_owner = 'x', lease_until = {} WHERE job_id = 'j1'",
        NOW - 1
    );
    assert!(after_sql(&abandoned).await.has("job-abandoned"));
    expect("job-end", "UPDATE job SET ended_at = NULL WHERE job_id = 'j1'").await;
    expect("report-missing", "UPDATE job SET report = NULL WHERE job_id = 'j1'").await;
    expect("report-malformed", "UPDATE job SET report = '{' WHERE job_id = 'j1'").await;
    expect("success-with-failures", "UPDATE job SET state = 'done' WHERE job_id = 'j2'").await;
    let look = "UPDATE job SET state = 'done', payload = '{\"dry_run\": true}' WHERE job_id = 'j2'";
    expect("success-with-failures", look).await;
    let counts = format!("{look}; UPDATE job SET report = json_set(report, '$.items_failed', 1) WHERE job_id = 'j2'");
    assert!(after_sql(&counts).await.holds(), "a look that counts what is wrong is done");
    expect("reason-missing", "UPDATE job SET report = replace(report, 'no bytes', '') WHERE job_id = 'j2'").await;
    expect("job-state", "UPDATE job SET state = 'busy', ended_at = NULL WHERE job_id = 'j1'").await;
    assert!(
        after_sql(&format!("UPDATE package SET lock_job = 'j9', lock_until = {}", NOW - 1)).await.has("lock-expired")
    );
}

/// A finding of a check that is done.
async fn with_finding(outcome: &str, became: &str, gravity: &str) -> patchwharf_checker::Verdict {
    with_finding_and("", outcome, became, gravity).await
}

async fn with_finding_and(sql: &str, outcome: &str, became: &str, gravity: &str) -> patchwharf_checker::Verdict {
    after_sql(&format!(
        "{sql};
         UPDATE job SET kind = 'integrity-check' WHERE job_id = 'j1';
         INSERT INTO finding (job_id, finding_key, rank, kind, gravity, update_key, bulletin, path, expected, found, since,
           policies, package_servers, outcome, became, done_by, remedy, command)
         VALUES ('j1', 'file-missing l x', 5, 'file-missing', '{gravity}', '', '', '/x', '', '', 0, '[]', '[]',
           '{outcome}', '{became}', 'repair', '', '')"
    ))
    .await
}

#[tokio::test]
async fn i7_a_check_that_is_done_while_something_is_wrong_is_found() {
    assert!(with_finding("open", "", "damage").await.has("success-with-findings"));
    assert!(with_finding("stays", "why", "danger").await.has("success-with-findings"));
    let look = "UPDATE job SET payload = '{\"dry_run\": true}' WHERE job_id = 'j1'";
    assert!(with_finding("planned", "it would be mended", "damage").await.has("success-with-findings"));
    assert!(with_finding_and(look, "planned", "it would be mended", "damage").await.holds(), "a look is done with it");
    assert!(!with_finding("ordered", "job 1 hashes it", "danger").await.has("success-with-findings"));
    assert!(with_finding("stays", "", "damage").await.has("finding-silent"));
    assert!(with_finding("lost", "x", "damage").await.has("finding-outcome"));
    assert!(with_finding("mended", "version 2 took its place", "damage").await.holds());
    assert!(with_finding("open", "", "note").await.holds());
}

#[tokio::test]
async fn i1_generations_that_mix_are_found() {
    expect("generation-reuse", "UPDATE feed SET next_generation = current_generation").await;
    expect("update-without-bulletin", "UPDATE bulletin_revision SET to_gen = 2").await;
    expect("revisions-overlap", "UPDATE update_revision SET to_gen = NULL").await;
    expect("revisions-overlap", "UPDATE bulletin_count SET to_gen = NULL").await;
    expect("revision-empty", "UPDATE update_revision SET to_gen = 1 WHERE from_gen = 1").await;
    assert!(after_sql("UPDATE feed SET current_generation = 1").await.has("import-unfinished"));
}

#[tokio::test]
async fn i1_a_damaged_database_is_found() {
    expect("database-damaged", "PRAGMA foreign_keys = OFF; DELETE FROM software_update").await;
}

#[tokio::test]
async fn i1_what_was_acknowledged_must_be_found_again() {
    let world = World::good().await;
    let package = world.package();
    let log = |lines: &str| world.acknowledge(lines);
    let fine =
        world.judge_log(&log(&format!("staged {package} 1\njob j1 done\nfeed f\nenabled b\nstaged half-a-li"))).await;
    assert!(fine.holds(), "{fine}");
    for lost in [
        format!("staged {package} 2\n"),
        "staged gone 1\n".into(),
        format!("deleted {package}\n"),
        "job j1 failed\n".into(),
        "job j7\n".into(),
        "feed g\n".into(),
        "policy y\n".into(),
        "disabled b\n".into(),
    ] {
        let verdict = world.judge_log(&log(&lost)).await;
        assert!(verdict.has("acknowledged-lost"), "{lost}: {verdict}");
    }
    let open = world.judge_log(&log(&format!("staged {package} 2\nopen package {package}\n"))).await;
    assert!(open.holds(), "{open}");
}

#[tokio::test]
async fn run_tells_by_its_exit_code() {
    let world = World::good().await;
    let mut out = Vec::new();
    assert_eq!(patchwharf_checker::run(&world.options(), false, &mut out).await.unwrap(), 0);
    assert!(String::from_utf8(out).unwrap().ends_with("everything holds\n"));
    world.sql("UPDATE package SET next_version = 1").await;
    assert_eq!(patchwharf_checker::run(&world.options(), true, &mut Vec::new()).await.unwrap(), 1);
    let mut nowhere = world.options();
    nowhere.database = "sqlite:///nowhere/x.db".into();
    assert!(patchwharf_checker::run(&nowhere, false, &mut Vec::new()).await.is_err());
}

#[tokio::test]
async fn i10_what_was_done_to_the_audit_trail_is_found() {
    expect("audit-head", "DELETE FROM audit_head").await;
    expect("audit-cut", "UPDATE audit_head SET audit_id = audit_id + 1").await;
    // A change that this schema knows nothing of before it.
    let zeros = "0".repeat(64);
    let body = format!("[\"{zeros}\",1,5,\"admin\",\"api\",\"policy.add\",\"policy x\",null,\"{{}}\"]");
    let digest = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes()));
    let good = format!(
        "INSERT INTO audit VALUES (1, 5, 'admin', 'api', 'policy.add', 'policy x', NULL, '{{}}', '{digest}'); \
         UPDATE audit_head SET audit_id = 1, digest = '{digest}'"
    );
    assert!(after_sql(&good).await.holds());
    expect("audit-altered", &format!("{good}; UPDATE audit SET actor = 'somebody'")).await;
    expect("audit-cut", &format!("{good}; DELETE FROM audit")).await;
    expect("audit-gap", &format!("{good}; UPDATE audit SET audit_id = 2; UPDATE audit_head SET audit_id = 2")).await;
}

#[tokio::test]
async fn i10_what_was_sealed_or_remembered_of_the_audit_trail_is_missed() {
    let chained = |before: &str, number: u32| {
        let body = format!("[\"{before}\",{number},5,\"admin\",\"api\",\"policy.add\",\"policy x\",null,\"{{}}\"]");
        hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes()))
    };
    let one = chained(&"0".repeat(64), 1);
    let two = chained(&one, 2);
    let row = |number: u32, digest: &str| {
        format!(
            "INSERT INTO audit VALUES ({number}, 5, 'admin', 'api', 'policy.add', 'policy x', NULL, '{{}}', '{digest}')"
        )
    };
    let both = format!("{}; {}; UPDATE audit_head SET audit_id = 2, digest = '{two}'", row(1, &one), row(2, &two));
    let heads = |cut: i64, cut_digest: &str| {
        format!(
            "{{\"cut\": {{\"change\": {cut}, \"digest\": \"{cut_digest}\"}}, \"cutting\": null, \"young_seconds\": 10, \
             \"heads\": [{{\"change\": 2, \"digest\": \"{two}\", \"at_us\": {NOW}}}]}}"
        )
    };
    let world = World::good().await;
    world.sql(&both).await;
    world.seal(2, &two, 7, &[7; 32]).await;
    world.remember(&heads(0, &"0".repeat(64)));
    assert!(world.judge().await.holds(), "{}", world.judge().await);
    // Beginning removed.
    world
        .sql(&format!("DELETE FROM audit WHERE audit_id = 1; UPDATE audit_head SET cut_id = 1, cut_digest = '{one}'"))
        .await;
    let verdict = world.judge().await;
    assert!(verdict.has("audit-beginning"), "{verdict}");
    world.remember(&heads(1, &one));
    assert!(world.judge().await.holds(), "this server's own cut");
    // End removed, with the seal and without.
    world.sql(&format!("DELETE FROM audit; UPDATE audit_head SET audit_id = 1, digest = '{one}'")).await;
    assert!(world.judge().await.has("audit-seal"));
    world.sql("DELETE FROM audit_seal").await;
    assert!(world.judge().await.has("audit-forgotten"));
    world.remember("rubbish");
    assert!(world.judge().await.has("audit-heads"));

    let world = World::good().await;
    world.sql(&both).await;
    world.seal(2, &two, 7, &[8; 32]).await;
    assert!(world.judge().await.has("audit-seal"), "signed by a key that is not the server's");
}
