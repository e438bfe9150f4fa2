//! What integrity checks find, and what they read and renew.

use patchwharf_db::{
    bulletins, findings,
    findings::{FindingQuery, NewFinding, Settled},
    jobs,
    jobs::NewJob,
    packages,
    packages::{Confirmed, Held},
    updates,
};
use patchwharf_model::{
    JobId, LocationId,
    finding::{DoneBy, Finding, FindingKind as Kind, Gravity, Outcome},
    job::JobKind,
    package::ProofStamp,
};

use crate::sandbox::{Sandbox, at, stamp};

crate::on_both!(
    a_finding_keeps_its_first_day_over_jobs_until_it_is_settled,
    findings_are_paged_worst_first_and_filtered,
    findings_go_with_their_job_and_since_when_stays,
    a_renewed_proof_moves_only_its_time_and_what_follows_from_it,
    what_was_overtaken_is_named,
    stamps_of_manifests_are_kept_replaced_and_forgotten,
    idle_packages_are_those_that_nothing_uses,
    checks_ask_for_many_at_once,
);

async fn job(s: &Sandbox, key: &str) -> JobId {
    let mut w = s.write(1).await;
    let new = NewJob {
        kind: JobKind::IntegrityCheck,
        payload: "{}".into(),
        priority: 0,
        dedup_key: Some(key.into()),
        operation_id: None,
        not_before: None,
        only_on: None,
    };
    let job = jobs::enqueue(&mut w, &new).await.unwrap().job_id;
    w.commit().await.unwrap();
    job
}

fn finding(kind: Kind, path: &str) -> NewFinding {
    let finding = Finding {
        kind,
        gravity: kind.gravity(),
        package: None,
        version: Some(3),
        update: None,
        update_key: "u1".into(),
        bulletin: None,
        bulletin_name: "B-1".into(),
        location: Some(LocationId::new()),
        path: path.into(),
        expected: "10 bytes".into(),
        found: "=9 bytes\0".into(),
        since: at(0),
        policies: vec!["servers".into(), "desks".into()],
        package_servers: Vec::new(),
        outcome: Outcome::Open,
        became: String::new(),
        by: DoneBy::Repair,
        remedy: "mend it".into(),
        command: "patchwharf x".into(),
    };
    NewFinding { key: format!("{kind} {path}"), finding, stamp: Some(stamp(7)) }
}

async fn put(s: &Sandbox, second: i64, job: JobId, new: &[NewFinding]) {
    let mut w = s.write(second).await;
    findings::put(&mut w, job, new).await.unwrap();
    w.commit().await.unwrap();
}

async fn all(s: &Sandbox, job: JobId) -> Vec<Finding> {
    let query = FindingQuery { limit: 1_000, ..FindingQuery::default() };
    findings::list(&s.db, job, &query).await.unwrap().rows
}

fn settled(new: &NewFinding, outcome: Outcome) -> Settled {
    Settled {
        key: new.key.clone(),
        outcome,
        became: "version 4 took its place".into(),
        by: DoneBy::Nobody,
        remedy: String::new(),
        command: String::new(),
    }
}

async fn a_finding_keeps_its_first_day_over_jobs_until_it_is_settled(s: &Sandbox) {
    let (first, second, third) = (job(s, "a").await, job(s, "b").await, job(s, "c").await);
    let (bad, worse) = (finding(Kind::FileChanged, "a"), finding(Kind::FileMissing, "b"));
    put(s, 10, first, std::slice::from_ref(&bad)).await;
    put(s, 20, second, &[bad.clone(), worse.clone(), worse.clone()]).await;
    let found = all(s, second).await;
    assert_eq!(
        found.iter().map(|f| (f.kind, f.since)).collect::<Vec<_>>(),
        [(Kind::FileMissing, at(20)), (Kind::FileChanged, at(10))]
    );
    assert_eq!(found[1].policies, ["servers", "desks"]);
    assert_eq!(found[1].found, "=9 bytes\u{fffd}");
    let open = findings::open(&s.db).await.unwrap();
    assert!(open.iter().all(|one| one.job == second && one.stamp == Some(stamp(7))), "{open:#?}");

    let mut w = s.write(30).await;
    findings::settle(&mut w, second, &[settled(&bad, Outcome::Mended), settled(&worse, Outcome::Stays)]).await.unwrap();
    w.commit().await.unwrap();
    let found = all(s, second).await;
    assert_eq!((found[1].outcome, found[1].became.as_str()), (Outcome::Mended, "version 4 took its place"));
    let left = findings::remaining(&s.db, second).await.unwrap();
    assert_eq!(left.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), [worse.key.as_str()]);
    put(s, 40, third, &[bad, worse]).await;
    assert_eq!(all(s, third).await.iter().map(|f| f.since).collect::<Vec<_>>(), [at(20), at(40)]);
}

async fn findings_are_paged_worst_first_and_filtered(s: &Sandbox) {
    let id = job(s, "a").await;
    let mut new: Vec<NewFinding> = (0..25).map(|n| finding(Kind::FileForeign, &format!("/srv/x{n:02}"))).collect();
    new.push(finding(Kind::FileMissing, "/srv/100%_sure.exe"));
    new.push(finding(Kind::Quarantined, "/srv/q"));
    put(s, 10, id, &new).await;
    let mut query = FindingQuery { limit: 10, with_total: true, ..FindingQuery::default() };
    let (mut seen, mut total) = (Vec::new(), None);
    loop {
        let page = findings::list(&s.db, id, &query).await.unwrap();
        total = total.or(page.total);
        seen.extend(page.rows);
        query = FindingQuery { cursor: page.next, with_total: false, ..query };
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), total), (27, Some(27)));
    assert!(seen.windows(2).all(|two| two[0].kind <= two[1].kind));
    assert_eq!((seen[0].kind, seen[26].kind), (Kind::FileMissing, Kind::Quarantined));
    let count = |query: FindingQuery| async move { findings::list(&s.db, id, &query).await.unwrap().rows.len() };
    let q = || FindingQuery { limit: 1_000, ..FindingQuery::default() };
    assert_eq!(count(FindingQuery { gravities: vec![Gravity::Damage, Gravity::Note], ..q() }).await, 2);
    assert_eq!(count(FindingQuery { kinds: vec![Kind::FileForeign], ..q() }).await, 25);
    assert_eq!(count(FindingQuery { outcomes: vec![Outcome::Mended], ..q() }).await, 0);
    assert_eq!(count(FindingQuery { text: Some("100%_SURE".into()), ..q() }).await, 1);
    assert_eq!(count(FindingQuery { package: Some(patchwharf_model::PackageId::new()), ..q() }).await, 0);
    let counts = findings::counts(&s.db, id).await.unwrap();
    assert_eq!(counts[1], (Kind::FileForeign, Outcome::Open, 25));
    assert!(findings::list(&s.db, id, &FindingQuery { cursor: Some("x".into()), ..q() }).await.is_err());
}

async fn findings_go_with_their_job_and_since_when_stays(s: &Sandbox) {
    let id = job(s, "a").await;
    put(s, 10, id, &[finding(Kind::FileChanged, "a")]).await;
    let mut w = s.write(20).await;
    jobs::ask(&mut w, id, jobs::Ask::Cancel).await.unwrap();
    assert_eq!(jobs::prune(&mut w, at(100), 0).await.unwrap(), 1);
    w.commit().await.unwrap();
    assert!(all(s, id).await.is_empty());
    let next = job(s, "b").await;
    put(s, 50, next, &[finding(Kind::FileChanged, "a")]).await;
    assert_eq!(all(s, next).await[0].since, at(10));
}

async fn a_renewed_proof_moves_only_its_time_and_what_follows_from_it(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let job = JobId::new();
    let confirmed = |n: usize, stamp: ProofStamp| Confirmed {
        package_id: staged[n].package_id,
        location_id: location,
        stamp,
        shared: false,
    };
    let (right, mut wrong) = (staged[0].files[0].stamp, staged[1].files[0].stamp);
    wrong.ctime_ns += 1;
    let mut w = s.write(90).await;
    packages::renew_proofs(&mut w, job, at(90), &[confirmed(0, right), confirmed(0, right), confirmed(1, wrong)])
        .await
        .unwrap();
    w.commit().await.unwrap();
    let shown = |n: usize| {
        let id = staged[n].package_id;
        async move { packages::show(&s.db, id).await.unwrap().proved_at }
    };
    assert_eq!((shown(0).await, shown(1).await), (Some(at(90)), Some(at(15))), "another stamp is another proof");
    let update = updates::show(&s.db, ids[0]).await.unwrap();
    let bulletin = bulletins::show(&s.db, update.bulletin_id).await.unwrap();
    assert_eq!(bulletin.oldest_proof_at, Some(at(90)));
    let rows = packages::files_to_check(&s.db, &[(staged[0].package_id, 1), (staged[1].package_id, 1)]).await.unwrap();
    let proofs: Vec<_> = rows.iter().map(|row| row.proof.unwrap()).collect();
    assert!(proofs.contains(&(right, at(90), Some(job))), "{proofs:?}");
    let placed = packages::placed_at(&s.db, location).await.unwrap();
    assert_eq!(placed[0].package_id, staged[1].package_id, "the oldest proof comes first");
    assert!(placed.iter().all(|row| row.is_served && row.size_bytes == 10));
}

async fn what_was_overtaken_is_named(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let held = |n: usize, token: i64| Held { package_id: staged[n].package_id, version: 1, token };
    let tokens: Vec<i64> = packages::placed(&s.db, &[staged[0].package_id, staged[1].package_id])
        .await
        .unwrap()
        .iter()
        .map(|row| row.token)
        .collect();
    assert_eq!(tokens[0], tokens[1]);
    let mut w = s.write(30).await;
    let changed = packages::overtaken(&mut w, &[held(0, tokens[0]), held(1, tokens[0] - 1)]).await.unwrap();
    assert_eq!(changed, [staged[1].package_id]);
    assert!(packages::overtaken(&mut w, &[]).await.unwrap().is_empty());
}

async fn stamps_of_manifests_are_kept_replaced_and_forgotten(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let key = (staged[0].package_id, 1);
    for inode in [5, 6] {
        let mut w = s.write(30).await;
        let gone = (patchwharf_model::PackageId::new(), 9);
        packages::put_manifest_stamps(&mut w, &[(key, stamp(inode)), (gone, stamp(inode))]).await.unwrap();
        w.commit().await.unwrap();
        assert_eq!(packages::manifest_stamps(&s.db, &[key, gone]).await.unwrap(), [(key, stamp(inode))]);
    }
    let mut w = s.write(31).await;
    packages::forget_manifest_stamps(&mut w, &[(key.0, 2)]).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(packages::manifest_stamps(&s.db, &[key]).await.unwrap().len(), 1, "that of another version stays");
    let mut w = s.write(32).await;
    packages::forget_manifest_stamps(&mut w, &[key]).await.unwrap();
    w.commit().await.unwrap();
    assert!(packages::manifest_stamps(&s.db, &[key]).await.unwrap().is_empty());
}

async fn idle_packages_are_those_that_nothing_uses(s: &Sandbox) {
    let (_, ids) = s.catalogue(3).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    assert!(packages::idle(&s.db).await.unwrap().is_empty());
    let mut w = s.write(30).await;
    let mut of = Vec::new();
    for id in &ids[..2] {
        of.push(updates::show(&s.db, *id).await.unwrap().bulletin_id);
    }
    bulletins::set_enabled(&mut w, &of, false).await.unwrap();
    let rule = patchwharf_db::policies::OnRevision::Automatic;
    patchwharf_db::policies::create(&mut w, "servers", true, rule, &ids[1..2]).await.unwrap();
    w.commit().await.unwrap();
    let idle = packages::idle(&s.db).await.unwrap();
    assert_eq!(idle.len(), 1, "a policy needs the other one: {idle:#?}");
    assert_eq!((idle[0].package_id, idle[0].size_bytes), (staged[0].package_id, 10));
    assert!(idle[0].why.contains("disabled"));
}

async fn checks_ask_for_many_at_once(s: &Sandbox) {
    let (_, ids) = s.catalogue(300).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let job = JobId::new();
    let before = s.db.statements();
    let placed = packages::placed_at(&s.db, location).await.unwrap();
    let keys: Vec<_> = placed.iter().map(|row| (row.package_id, row.version)).collect();
    assert_eq!(packages::files_to_check(&s.db, &keys).await.unwrap().len(), 300);
    let confirmed: Vec<Confirmed> = staged
        .iter()
        .map(|v| Confirmed { package_id: v.package_id, location_id: location, stamp: v.files[0].stamp, shared: true })
        .collect();
    let mut w = s.write(40).await;
    packages::renew_proofs(&mut w, job, at(40), &confirmed).await.unwrap();
    w.commit().await.unwrap();
    let statements = s.db.statements() - before;
    assert!(statements < 20, "{statements} statements");
    assert!(packages::placed_at(&s.db, location).await.unwrap().iter().all(|row| row.proved_at == at(40)));
}
