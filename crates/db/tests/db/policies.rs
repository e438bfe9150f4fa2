//! Policies.

use patchwharf_db::{
    bulletins, packages,
    packages::LockOutcome,
    policies,
    policies::{OnRevision, Policy},
    updates,
};
use patchwharf_model::{JobId, PolicyId, UpdateId};

use crate::sandbox::{Sandbox, at, update};

crate::on_both!(
    a_policy_is_bound_to_updates_and_follows_their_packages,
    a_policy_that_asks_stays_on_what_it_has,
    deleting_a_needed_package_leaves_the_switch_on,
    a_disabled_bulletin_withdraws_its_updates_and_brings_them_back,
    recreation_keeps_name_and_switches_under_a_new_id,
    switches_change_one_by_one_or_all,
    switches_come_in_pages_and_are_found_by_words,
);

async fn create(s: &Sandbox, name: &str, rule: OnRevision, updates: &[UpdateId]) -> PolicyId {
    let mut w = s.write(5).await;
    let id = policies::create(&mut w, name, true, rule, updates).await.unwrap();
    w.commit().await.unwrap();
    id
}

async fn show(s: &Sandbox, id: PolicyId) -> Policy {
    policies::show(&s.db, &id.to_string()).await.unwrap()
}

async fn a_policy_is_bound_to_updates_and_follows_their_packages(s: &Sandbox) {
    let (feed, ids) = s.catalogue(3).await;
    let location = s.location().await;
    s.stage(location, &ids[..1]).await;
    let id = create(s, "weekly", OnRevision::Automatic, &ids[..2]).await;
    let policy = show(s, id).await;
    assert_eq!((policy.updates, policy.missing, policy.enabled), (2, 1, true));
    let bulletin = updates::show(&s.db, ids[0]).await.unwrap().bulletin_id;
    assert_eq!(bulletins::show(&s.db, bulletin).await.unwrap().policies, 1);
    assert_eq!(bulletins::refers(&s.db, bulletin).await.unwrap().policies, [(id, "weekly".to_owned())]);

    s.stage(location, &ids[1..2]).await;
    assert_eq!(show(s, id).await.missing, 0, "works as soon as the package is there");
    s.import(feed, vec![], vec![update(0, "2")]).await;
    let before = policies::switches(&s.db, id).await.unwrap();
    assert_eq!(before[0].version, Some(1), "on the old revision until the new one is staged");
    s.stage(location, &ids[..1]).await;
    let after = policies::switches(&s.db, id).await.unwrap();
    assert_eq!((after[0].version, after[0].pending_version, after[0].enabled), (Some(2), None, true));
    let log = patchwharf_db::audit::list(&s.db, of(&format!("policy {id}")), None, 10).await.unwrap();
    assert_eq!(log.rows[0].action, "policy.follow");

    let mut w = s.write(60).await;
    assert!(policies::create(&mut w, "weekly", true, OnRevision::Ask, &[]).await.is_err());
    drop(w);
    let mut w = s.write(60).await;
    assert!(policies::create(&mut w, "other", true, OnRevision::Ask, &[UpdateId::new()]).await.is_err());
}

async fn a_policy_that_asks_stays_on_what_it_has(s: &Sandbox) {
    let (feed, ids) = s.catalogue(1).await;
    let location = s.location().await;
    s.stage(location, &ids).await;
    let id = create(s, "careful", OnRevision::Ask, &ids).await;
    // The same content again (a refresh): it follows without asking.
    s.stage(location, &ids).await;
    assert_eq!(policies::switches(&s.db, id).await.unwrap()[0].version, Some(2));
    s.import(feed, vec![], vec![update(0, "2")]).await;
    s.stage(location, &ids).await;
    let switch = policies::switches(&s.db, id).await.unwrap().remove(0);
    assert_eq!((switch.version, switch.pending_version), (Some(2), Some(3)));
    assert_eq!(show(s, id).await.pending, 1);
    let due = packages::due_for_unlink(&s.db, at(1_000_000), 10).await.unwrap();
    assert_eq!(due.iter().map(|d| d.version).collect::<Vec<_>>(), [1], "what the policy needs stays on disk");
    let mut w = s.write(60).await;
    assert!(packages::mark_versions_deleting(&mut w, None, &[(due[0].package_id, 2)]).await.unwrap().is_empty());
    assert_eq!(policies::accept(&mut w, id, Some(&ids)).await.unwrap(), 1);
    assert_eq!(policies::accept(&mut w, id, None).await.unwrap(), 0);
    w.commit().await.unwrap();
    let switch = policies::switches(&s.db, id).await.unwrap().remove(0);
    assert_eq!((switch.version, switch.pending_version), (Some(3), None));
    assert_eq!(packages::due_for_unlink(&s.db, at(1_000_000), 10).await.unwrap().len(), 2);
}

async fn deleting_a_needed_package_leaves_the_switch_on(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let location = s.location().await;
    let package = s.stage(location, &ids).await[0].package_id;
    let id = create(s, "weekly", OnRevision::Ask, &ids).await;
    let freed = packages::freed(&s.db, &[package, package]).await.unwrap();
    assert!(freed.of_packages >= 1, "{freed:?}");
    assert!(packages::held_by(&s.db, &[package], at(0)).await.unwrap().is_empty());
    let needed = packages::needed_by(&s.db, &[package]).await.unwrap();
    assert_eq!((needed.len(), needed[0].policy.as_str(), needed[0].update_id), (1, "weekly", ids[0]));
    let job = JobId::new();
    let mut w = s.write(30).await;
    let LockOutcome::Held { token } = packages::lock(&mut w, &[package], job, at(100)).await.unwrap()[0].1 else {
        panic!("not held")
    };
    packages::mark_packages_deleting(&mut w, job, &[(package, token)], |_| None).await.unwrap();
    packages::remove_versions(&mut w, &[(package, 1)]).await.unwrap();
    w.commit().await.unwrap();
    let switch = policies::switches(&s.db, id).await.unwrap().remove(0);
    assert_eq!((switch.enabled, switch.package_id, show(s, id).await.missing), (true, None, 1));
    let again = s.stage(location, &ids).await[0].package_id;
    assert_eq!(policies::switches(&s.db, id).await.unwrap()[0].package_id, Some(again), "works again when staged");
}

async fn a_disabled_bulletin_withdraws_its_updates_and_brings_them_back(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let id = create(s, "weekly", OnRevision::Automatic, &ids).await;
    let bulletin = updates::show(&s.db, ids[0]).await.unwrap().bulletin_id;
    for (enabled, withdrawn) in [(false, 1), (true, 0)] {
        let mut w = s.write(30).await;
        assert_eq!(bulletins::set_enabled(&mut w, &[bulletin], enabled).await.unwrap(), [bulletin]);
        assert!(bulletins::set_enabled(&mut w, &[bulletin], enabled).await.unwrap().is_empty());
        w.commit().await.unwrap();
        let policy = show(s, id).await;
        assert_eq!((policy.withdrawn, policy.updates), (withdrawn, 2));
    }
}

async fn recreation_keeps_name_and_switches_under_a_new_id(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let id = create(s, "weekly", OnRevision::Ask, &ids).await;
    s.stage(location, &ids[..1]).await;
    let mut w = s.write(30).await;
    policies::set_switches(&mut w, id, Some(&ids[1..]), false).await.unwrap();
    policies::set_enabled(&mut w, id, false).await.unwrap();
    let new = policies::recreate(&mut w, id).await.unwrap();
    w.commit().await.unwrap();
    assert_ne!(new, id);
    let all = policies::list(&s.db).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].policy_id, all[0].name.as_str(), all[0].on_revision), (new, "weekly", OnRevision::Ask));
    assert_eq!((all[0].enabled, all[0].missing), (false, 1));
    let switches = policies::switches(&s.db, new).await.unwrap();
    assert_eq!(switches.iter().map(|s| s.enabled).collect::<Vec<_>>(), [true, false]);
    let mut w = s.write(31).await;
    policies::delete(&mut w, new).await.unwrap();
    assert!(policies::delete(&mut w, new).await.is_err());
    w.commit().await.unwrap();
    let bulletin = updates::show(&s.db, ids[0]).await.unwrap().bulletin_id;
    assert_eq!(bulletins::show(&s.db, bulletin).await.unwrap().policies, 0);
}

async fn switches_change_one_by_one_or_all(s: &Sandbox) {
    let (_, ids) = s.catalogue(3).await;
    let id = create(s, "weekly", OnRevision::Automatic, &ids[..2]).await;
    let mut w = s.write(30).await;
    assert_eq!(policies::set_switches(&mut w, id, Some(&ids[..1]), false).await.unwrap(), 1);
    assert_eq!(policies::set_switches(&mut w, id, None, true).await.unwrap(), 1);
    assert_eq!(policies::add_updates(&mut w, id, &ids).await.unwrap(), 1);
    assert_eq!(policies::remove_updates(&mut w, id, &ids[..1]).await.unwrap(), 1);
    policies::set_on_revision(&mut w, id, OnRevision::Ask).await.unwrap();
    w.commit().await.unwrap();
    let policy = policies::show(&s.db, "weekly").await.unwrap();
    assert_eq!((policy.updates, policy.on_revision, policy.changed_at), (2, OnRevision::Ask, at(30)));
}

fn of(object: &str) -> patchwharf_db::audit::AuditFilter<'_> {
    patchwharf_db::audit::AuditFilter { object: Some(object), ..Default::default() }
}

async fn switches_come_in_pages_and_are_found_by_words(s: &Sandbox) {
    let (_, ids) = s.catalogue(20).await;
    let id = create(s, "many", OnRevision::Automatic, &ids).await;
    let all: Vec<UpdateId> = policies::switches(&s.db, id).await.unwrap().iter().map(|s| s.update_id).collect();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let query = policies::SwitchQuery { text: None, cursor, limit: 7 };
        let page = policies::switch_page(&s.db, id, &query).await.unwrap();
        assert_eq!(page.total, Some(20));
        found.extend(page.rows.iter().map(|switch| switch.update_id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, all);
    let words = policies::SwitchQuery { text: Some("U0007 b0007".into()), cursor: None, limit: 7 };
    let page = policies::switch_page(&s.db, id, &words).await.unwrap();
    assert_eq!((page.total, page.rows[0].bulletin.as_deref()), (Some(1), Some("B0007")));
    let bad = policies::SwitchQuery { cursor: Some("nonsense".into()), limit: 7, text: None };
    assert!(policies::switch_page(&s.db, id, &bad).await.is_err());
}
