//! W-23: what was done to the audit trail behind the server's back shows, and where.

mod heads;

use std::time::Duration;

use patchwharf_db::audit;
use patchwharf_model::{Sha256, api::AuditChain};
use patchwharf_server::{retention, trail};
use patchwharf_testkit::{eventually_async, server::DEADLINE, tamper};

use crate::world::World;

/// A server with a few changes.
async fn world() -> World {
    let world = World::start().await;
    world.catalogue(&[]).await;
    // The schedule notes its first look on the trail: nothing comes between the changes of a test.
    eventually_async("the schedule has looked once", DEADLINE, || async {
        patchwharf_db::settings::get(&world.app().db, "schedule.last-check").await.unwrap()
    })
    .await;
    for value in 1..5 {
        change(&world, value).await;
    }
    world
}

async fn change(world: &World, value: u32) {
    let mut w = world.app().db.write("anna", "api", world.clock.now()).await.unwrap();
    patchwharf_db::settings::set(&mut w, "reserve", &value.to_string()).await.unwrap();
    w.commit().await.unwrap();
}

async fn chain(world: &World) -> AuditChain {
    trail::chain(world.app(), None).await.unwrap()
}

async fn sql(world: &World, sql: &'static str) {
    tamper(world.data().join("patchwharf.db").as_std_path(), sql).await;
}

/// The place at which the chain breaks, and how.
async fn broken(world: &World) -> (i64, String) {
    let chain = chain(world).await;
    assert!(!chain.whole, "{chain:#?}");
    (chain.broken_at.unwrap(), chain.broken)
}

#[tokio::test]
async fn w_23_a_change_that_was_altered_removed_or_put_between_is_found_where_it_is() {
    let world = world().await;
    let whole = chain(&world).await;
    assert!(whole.whole && whole.good >= 5 && whole.begins_after == 0, "{whole:#?}");
    let filter = audit::AuditFilter { object: Some("setting reserve"), ..Default::default() };
    let changes = audit::list(&world.app().db, filter, None, 10).await.unwrap().rows;
    let [three, two] = ["3", "2"].map(|n| changes.iter().find(|c| c.after.as_deref() == Some(n)).unwrap().audit_id);
    sql(&world, "UPDATE audit SET actor = 'nobody' WHERE object = 'setting reserve' AND after = '3'").await;
    assert_eq!(broken(&world).await.0, three);
    sql(&world, "UPDATE audit SET actor = 'anna' WHERE object = 'setting reserve' AND after = '3'").await;
    assert!(chain(&world).await.whole);
    // One that was there before is not there any more, and one that nobody has made is.
    sql(&world, "DELETE FROM audit WHERE object = 'setting reserve' AND after = '2'").await;
    assert_eq!(broken(&world).await, (two, "this change was removed".to_owned()));
    sql(
        &world,
        "INSERT INTO audit SELECT (SELECT MIN(a.audit_id) + 1 FROM audit AS a WHERE NOT EXISTS \
         (SELECT 1 FROM audit AS b WHERE b.audit_id = a.audit_id + 1)), at, actor, source, action, object, before, after, \
         digest FROM audit WHERE object = 'setting reserve' AND after = '3'",
    )
    .await;
    assert_eq!(broken(&world).await.0, two);
}

#[tokio::test]
async fn w_23_a_trail_that_was_cut_off_is_missed_by_its_head_its_seals_and_whoever_kept_a_head() {
    let world = world().await;
    let early = chain(&world).await;
    change(&world, 5).await;
    trail::seal(world.app()).await.unwrap();
    let sealed = chain(&world).await;
    assert!(sealed.whole && sealed.seals == 1 && sealed.sealed_at.is_some(), "{sealed:#?}");
    trail::seal(world.app()).await.unwrap();
    assert_eq!(chain(&world).await.seals, 1, "nothing was changed since");
    sql(&world, "DELETE FROM audit WHERE audit_id = (SELECT MAX(audit_id) FROM audit)").await;
    let (at, what) = broken(&world).await;
    assert!(at == sealed.head && what.contains("cut off"), "{at} {what}");
    // Whoever can write the head anew forgets the seal.
    sql(
        &world,
        "UPDATE audit_head SET audit_id = (SELECT MAX(audit_id) FROM audit), \
         digest = (SELECT digest FROM audit ORDER BY audit_id DESC LIMIT 1)",
    )
    .await;
    let (at, what) = broken(&world).await;
    assert!(at == sealed.head && what.contains("sealed"), "{at} {what}");
    // Whoever removes the seal, too, has neither the data folder nor the log.
    sql(&world, "DELETE FROM audit_seal").await;
    let (at, what) = broken(&world).await;
    assert!(at == sealed.head && what.contains("this server has seen it"), "{at} {what}");
    trail::seal(world.app()).await.unwrap();
    assert!(audit::last_seal(&world.app().db).await.unwrap().is_none(), "what was forged is not sealed");
    std::fs::remove_file(world.data().join("audit.heads")).unwrap();
    assert!(chain(&world).await.whole);
    let kept = |chain: &AuditChain| Some((chain.head, chain.digest));
    let against = trail::chain(world.app(), kept(&sealed)).await.unwrap();
    assert!(
        against.broken.contains("noted down and is gone") && against.broken_at == Some(sealed.head),
        "{against:#?}"
    );
    assert!(trail::chain(world.app(), kept(&early)).await.unwrap().whole);
    let other = Some((early.head, Sha256([7; 32])));
    assert!(trail::chain(world.app(), other).await.unwrap().broken.contains("not the one that was noted down"));
}

#[tokio::test]
async fn w_23_a_seal_that_nobody_signed_is_found_and_a_broken_chain_is_not_sealed() {
    let world = world().await;
    trail::seal(world.app()).await.unwrap();
    sql(&world, "UPDATE audit_seal SET at = at + 1").await;
    assert!(broken(&world).await.1.contains("no signature"));
    sql(&world, "UPDATE audit_seal SET at = at - 1").await;
    change(&world, 6).await;
    sql(&world, "UPDATE audit SET object = 'another' WHERE object = 'setting reserve' AND after = '6'").await;
    trail::seal(world.app()).await.unwrap();
    let sealed = audit::last_seal(&world.app().db).await.unwrap().unwrap();
    assert!(sealed.audit_id < chain(&world).await.head);
}

#[tokio::test]
async fn w_23_nothing_is_changed_that_cannot_be_written_down() {
    let world = world().await;
    sql(&world, "DELETE FROM audit_head").await;
    let mut w = world.app().db.write("anna", "api", world.clock.now()).await.unwrap();
    patchwharf_db::settings::set(&mut w, "reserve", "7").await.unwrap();
    let refused = w.commit().await.unwrap_err().to_string();
    assert!(refused.contains("head of the audit trail is missing"), "{refused}");
    assert_eq!(patchwharf_db::settings::get(&world.app().db, "reserve").await.unwrap().as_deref(), Some("4"));
}

#[tokio::test]
async fn what_retention_cuts_leaves_a_chain_that_holds_and_files_that_go_on_with_it() {
    let mut world = world().await;
    trail::seal(world.app()).await.unwrap();
    let old = chain(&world).await;
    world.later(Duration::from_secs(400 * 24 * 3600));
    world.stop_server().await;
    world.run_server_with(|config| config.retention.audit = Duration::from_secs(365 * 24 * 3600)).await;
    change(&world, 8).await;
    retention::tidy(world.app()).await.unwrap();
    let cut = chain(&world).await;
    assert!(cut.whole && cut.begins_after >= old.head && cut.seals == 0, "{cut:#?}");
    assert!(trail::chain(world.app(), Some((old.head, old.digest))).await.unwrap().whole, "what was cut was no fault");
    let file = std::fs::read_dir(world.data().join("audit")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["id"], cut.begins_after);
    sql(&world, "UPDATE audit_head SET cut_digest = digest").await;
    assert_eq!(broken(&world).await.0, cut.begins_after + 1, "what comes next names the last change of the file");
}
