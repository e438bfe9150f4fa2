//! What the server remembers of the trail in its data folder: whoever can only write the database cannot forge that.

use std::process::Command;

use super::*;
use crate::world::fsck;

const FILE: &str = "audit.heads";

/// A server that has sealed its trail, and a change since.
async fn sealed() -> World {
    let world = world().await;
    trail::seal(world.app()).await.unwrap();
    change(&world, 5).await;
    assert!(chain(&world).await.whole);
    world
}

#[tokio::test]
async fn w_23_a_trail_whose_beginning_was_removed_is_found_however_little_is_left() {
    for left in ["1", "2", "(SELECT MAX(audit_id) - 3 FROM audit)", "(SELECT MAX(audit_id) FROM audit)"] {
        let mut world = sealed().await;
        let head = chain(&world).await.head;
        let begin = format!(
            "UPDATE audit_head SET cut_id = {left}, cut_digest = (SELECT digest FROM audit WHERE audit_id = {left})"
        );
        sql(&world, begin.leak()).await;
        sql(&world, "DELETE FROM audit WHERE audit_id <= (SELECT cut_id FROM audit_head)").await;
        let (at, what) = broken(&world).await;
        assert!(at <= head && what.contains("its beginning was removed"), "{left}: {at} {what}");
        // One more change in the name of retention does not make it this server's own cut.
        let mut w = world.app().db.write("system", "retention", world.clock.now()).await.unwrap();
        w.audit("audit.cut", "audit", Some("7 changes".to_owned()), Some("a file".to_owned()));
        w.commit().await.unwrap();
        let seals = audit::last_seal(&world.app().db).await.unwrap();
        trail::seal(world.app()).await.unwrap();
        assert_eq!(audit::last_seal(&world.app().db).await.unwrap(), seals, "it is not sealed");
        world.stop_server().await;
        assert!(fsck(&world.data()).contains("audit-beginning"), "{}", fsck(&world.data()));
        world.run_server().await;
        assert!(broken(&world).await.1.contains("its beginning was removed"), "after a start, too");
    }
}

#[tokio::test]
async fn w_23_a_trail_whose_end_was_cut_off_with_its_seals_is_found_without_a_kept_head() {
    let mut world = sealed().await;
    trail::seal(world.app()).await.unwrap();
    let head = chain(&world).await.head;
    world.stop_server().await;
    sql(&world, "DELETE FROM audit_seal").await;
    sql(&world, "DELETE FROM audit WHERE audit_id > (SELECT MAX(audit_id) - 2 FROM audit)").await;
    sql(
        &world,
        "UPDATE audit_head SET audit_id = (SELECT MAX(audit_id) FROM audit), \
         digest = (SELECT digest FROM audit ORDER BY audit_id DESC LIMIT 1)",
    )
    .await;
    assert!(fsck(&world.data()).contains("audit-forgotten"), "{}", fsck(&world.data()));
    world.run_server().await;
    // A start writes changes of its own: the number is there again, the change is another one.
    for value in 7..12 {
        change(&world, value).await;
    }
    let (at, what) = broken(&world).await;
    assert!(at == head && what.contains("written anew") && what.contains("audit accept"), "{at} {what}");
    trail::seal(world.app()).await.unwrap();
    assert!(audit::last_seal(&world.app().db).await.unwrap().is_none());
}

#[tokio::test]
async fn w_23_what_this_server_has_written_since_the_last_seal_is_missed_too() {
    let world = sealed().await;
    let head = chain(&world).await.head;
    sql(&world, "DELETE FROM audit WHERE audit_id = (SELECT MAX(audit_id) FROM audit)").await;
    sql(
        &world,
        "UPDATE audit_head SET audit_id = (SELECT MAX(audit_id) FROM audit), \
         digest = (SELECT digest FROM audit ORDER BY audit_id DESC LIMIT 1)",
    )
    .await;
    let (at, what) = broken(&world).await;
    assert!(at == head && what.contains("has written it itself"), "{at} {what}");
}

#[tokio::test]
async fn a_trail_from_before_an_upgrade_is_whole_and_remembered_from_then_on() {
    let mut world = world().await;
    trail::seal(world.app()).await.unwrap();
    world.later(Duration::from_secs(400 * 24 * 3600));
    world.stop_server().await;
    world.run_server_with(|config| config.retention.audit = Duration::from_secs(365 * 24 * 3600)).await;
    change(&world, 5).await;
    retention::tidy(world.app()).await.unwrap();
    trail::seal(world.app()).await.unwrap();
    // A server of before has sealed and cut, and remembers nothing.
    std::fs::remove_file(world.data().join(FILE)).unwrap();
    world.stop_server().await;
    assert_eq!(fsck(&world.data()), "");
    world.run_server().await;
    let old = chain(&world).await;
    assert!(old.whole && old.begins_after > 0, "{old:#?}");
    trail::seal(world.app()).await.unwrap();
    assert!(chain(&world).await.whole && world.data().join(FILE).exists());
    let filter = audit::AuditFilter { action: Some("audit.begin"), ..Default::default() };
    let told = audit::list(&world.app().db, filter, None, 10).await.unwrap().rows;
    // The clock may have done so, too, before it was forgotten.
    let taken = told.first().and_then(|one| one.after.as_deref()).unwrap_or_default();
    assert!(taken.contains("taken as it is"), "{told:#?}");
    world.check().await;
}

#[tokio::test]
async fn one_old_fault_does_not_keep_a_server_that_remembers_nothing_from_remembering() {
    let mut world = sealed().await;
    sql(&world, "UPDATE audit SET actor = 'nobody' WHERE audit_id = (SELECT MIN(audit_id) FROM audit)").await;
    std::fs::remove_file(world.data().join(FILE)).unwrap();
    world.stop_server().await;
    world.run_server().await;
    trail::seal(world.app()).await.unwrap();
    assert!(world.data().join(FILE).exists(), "what comes after the last signature is guarded");
    assert!(!chain(&world).await.whole, "and the fault is told");
}

#[tokio::test]
async fn an_older_copy_of_the_database_is_named_and_can_be_accepted_by_who_holds_the_data_folder() {
    let mut world = sealed().await;
    world.stop_server().await;
    let database = world.data().join("patchwharf.db");
    let copy = std::fs::read(&database).unwrap();
    world.run_server().await;
    change(&world, 6).await;
    trail::seal(world.app()).await.unwrap();
    let lost = chain(&world).await.head;
    world.stop_server().await;
    std::fs::write(&database, copy).unwrap();
    world.run_server().await;
    let (at, what) = broken(&world).await;
    assert!(
        at == lost && what.contains("an older copy of the database") && what.contains("audit accept"),
        "{at} {what}"
    );
    let accept = |data: &str| {
        let run =
            Command::new(env!("CARGO_BIN_EXE_patchwharf")).args(["--data", data, "audit", "accept"]).output().unwrap();
        (run.status.code(), format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr)))
    };
    let (code, said) = accept(world.data().as_str());
    assert!(code == Some(0) && said.contains(&format!("ended with {lost}:")) && said.contains("is kept in"), "{said}");
    assert!(chain(&world).await.whole);
    trail::seal(world.app()).await.unwrap();
    assert!(world.data().join(FILE).exists() && chain(&world).await.whole, "it is remembered again");
    let filter = audit::AuditFilter { action: Some("audit.begin"), ..Default::default() };
    let told = audit::list(&world.app().db, filter, None, 10).await.unwrap().rows;
    assert!(told[0].after.as_ref().unwrap().contains("taken as it is"), "{told:#?}");
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, said) = accept(elsewhere.path().to_str().unwrap());
    assert!(code == Some(2) && said.contains("not the data folder of a server"), "{said}");
    world.check().await;
}

#[tokio::test]
async fn what_cannot_be_read_of_the_remembered_heads_is_told_and_not_taken_for_nothing() {
    let world = sealed().await;
    std::fs::write(world.data().join(FILE), "{").unwrap();
    assert!(broken(&world).await.1.contains("cannot be read"));
    let seals = audit::last_seal(&world.app().db).await.unwrap();
    change(&world, 6).await;
    trail::seal(world.app()).await.unwrap();
    assert_eq!(audit::last_seal(&world.app().db).await.unwrap(), seals, "it is not sealed");
    assert_eq!(std::fs::read_to_string(world.data().join(FILE)).unwrap(), "{");
}

#[tokio::test]
async fn what_somebody_has_altered_is_not_cut_away_by_retention() {
    let mut world = sealed().await;
    world.later(Duration::from_secs(400 * 24 * 3600));
    world.stop_server().await;
    world.run_server_with(|config| config.retention.audit = Duration::from_secs(365 * 24 * 3600)).await;
    sql(&world, "UPDATE audit SET actor = 'nobody' WHERE audit_id = 2").await;
    retention::tidy(world.app()).await.unwrap();
    let found = chain(&world).await;
    assert!(found.begins_after == 0 && found.broken_at == Some(2), "{found:#?}");
}
