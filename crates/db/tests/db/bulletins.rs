//! Lists of bulletins.

use patchwharf_db::{
    DbError, audit,
    audit::AuditFilter,
    bulletins,
    bulletins::{BulletinFilter, BulletinSort},
    packages,
    packages::{FileResult, Held, LockOutcome, Verified},
    updates,
};
use patchwharf_model::{JobId, Severity, package::VersionState};

use crate::{
    catalogue::query,
    sandbox::{Sandbox, at, bulletin, update},
};

crate::on_both!(
    every_sort_pages_through_all_rows_in_order,
    filters_narrow_what_is_listed,
    many_that_match_are_listed_in_every_order_and_counted,
    a_name_of_two_feeds_is_ambiguous_and_says_so,
    an_administrators_choices_survive_an_import,
    a_cursor_of_somebody_else_is_refused,
    a_row_says_what_is_wrong_and_what_works_on_it,
    what_was_changed_of_a_bulletin_and_its_packages_is_one_list,
);

async fn every_sort_pages_through_all_rows_in_order(s: &Sandbox) {
    let (_, ids) = s.catalogue(23).await;
    let location = s.location().await;
    s.stage(location, &ids[3..9]).await;
    let rated = bulletins::resolve(&s.db, &["B0002".into(), "B0005".into(), "B0007".into()]).await.unwrap();
    let mut w = s.write(9).await;
    bulletins::set_custom_severity(&mut w, &rated[..2], Some("urgent")).await.unwrap();
    bulletins::set_custom_severity(&mut w, &rated[2..], Some("later")).await.unwrap();
    w.commit().await.unwrap();
    use BulletinSort as B;
    let sorts = [
        B::Revised,
        B::Released,
        B::Name,
        B::Severity,
        B::CustomSeverity,
        B::Downloaded,
        B::Updates,
        B::Packages,
        B::BadPackages,
        B::Policies,
        B::OldestProof,
    ];
    for sort in sorts {
        for descending in [false, true] {
            let whole =
                bulletins::list(&s.db, &bulletins::BulletinQuery { sort, descending, ..query() }).await.unwrap();
            assert_eq!((whole.rows.len(), whole.next.is_none()), (23, true));
            let mut paged = Vec::new();
            let mut asked = bulletins::BulletinQuery { sort, descending, limit: 5, ..query() };
            loop {
                let page = bulletins::list(&s.db, &asked).await.unwrap();
                paged.extend(page.rows);
                asked.cursor = page.next;
                if asked.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(paged, whole.rows, "{sort:?} {descending}");
            let (first, last) = if descending { (22, 0) } else { (0, 22) };
            if sort == B::Downloaded {
                assert_eq!((paged[first].is_downloaded(), paged[last].is_downloaded()), (false, true));
            }
            if sort == B::CustomSeverity {
                let custom = |at: usize| paged[at].custom_severity.as_deref();
                assert_eq!((custom(first), custom(last)), (None, Some("urgent")));
            }
            if sort == B::Severity {
                assert!(
                    paged
                        .windows(2)
                        .all(|w| (w[0].severity <= w[1].severity) != descending || w[0].severity == w[1].severity)
                );
            }
        }
    }
}

async fn filters_narrow_what_is_listed(s: &Sandbox) {
    let (_, ids) = s.catalogue(20).await;
    let location = s.location().await;
    s.stage(location, &ids[..4]).await;
    let first = bulletins::resolve(&s.db, &["B0000".into()]).await.unwrap();
    let mut w = s.write(9).await;
    bulletins::set_enabled(&mut w, &first, false).await.unwrap();
    bulletins::set_custom_severity(&mut w, &first, Some("urgent")).await.unwrap();
    w.commit().await.unwrap();
    let count = |filter: BulletinFilter| async move {
        let ids = bulletins::ids(&s.db, &filter, 1000).await.unwrap();
        let asked = bulletins::BulletinQuery { filter, ..query() };
        let page = bulletins::list(&s.db, &asked).await.unwrap();
        assert_eq!((page.total, ids.len()), (Some(page.rows.len() as u64), page.rows.len()));
        page.rows.len()
    };
    let f = BulletinFilter::default;
    assert_eq!(count(f()).await, 20);
    assert_eq!(count(BulletinFilter { text: Some("UPDATE number 7".into()), ..f() }).await, 2);
    assert_eq!(count(BulletinFilter { text: Some("b0007".into()), ..f() }).await, 1);
    assert_eq!(count(BulletinFilter { text: Some("%".into()), ..f() }).await, 0);
    let severities = vec![Severity::Critical, Severity::Low];
    assert_eq!(count(BulletinFilter { severities, ..f() }).await, 8);
    assert_eq!(count(BulletinFilter { vendor: Some("dell".into()), ..f() }).await, 10);
    assert_eq!(count(BulletinFilter { enabled: Some(false), ..f() }).await, 1);
    assert_eq!(count(BulletinFilter { custom_severity: Some("urgent".into()), ..f() }).await, 1);
    assert_eq!(count(BulletinFilter { downloaded: Some(true), ..f() }).await, 4);
    assert_eq!(count(BulletinFilter { downloaded: Some(false), ..f() }).await, 16);
    assert_eq!(count(BulletinFilter { bad: Some(true), superseded: Some(false), ..f() }).await, 0);
    assert_eq!(count(BulletinFilter { withdrawn: Some(false), listed: Some(true), ..f() }).await, 20);
    assert_eq!(count(BulletinFilter { cve: Some("cve-2026-0003".into()), ..f() }).await, 1);
    assert_eq!(count(BulletinFilter { cve: Some("CVE-2026-000".into()), ..f() }).await, 0);
    assert_eq!(count(BulletinFilter { kb: Some("kb500003".into()), ..f() }).await, 1);
    assert_eq!(count(BulletinFilter { kb: Some("500004".into()), ..f() }).await, 1);
    assert_eq!(count(BulletinFilter { revised_from: Some(at(400)), revised_before: Some(at(600)), ..f() }).await, 4);
    assert_eq!(count(BulletinFilter { released_before: Some(at(30)), ..f() }).await, 2);
    assert_eq!(count(BulletinFilter { released_from: Some(at(170)), ..f() }).await, 2);
}

/// All rows of a list, page by page, and how many there are said to be.
async fn whole(s: &Sandbox, query: &bulletins::BulletinQuery) -> (Vec<bulletins::Bulletin>, Option<u64>) {
    let (mut rows, mut cursor, mut total) = (Vec::new(), None, None);
    loop {
        let page = bulletins::list(&s.db, &bulletins::BulletinQuery { cursor, ..query.clone() }).await.unwrap();
        rows.extend(page.rows);
        total = total.or(page.total);
        cursor = page.next;
        if cursor.is_none() {
            return (rows, total);
        }
    }
}

async fn many_that_match_are_listed_in_every_order_and_counted(s: &Sandbox) {
    type Holds = fn(&bulletins::Bulletin) -> bool;
    let (feed, ids) = s.catalogue(1_400).await;
    let location = s.location().await;
    s.stage(location, &ids[100..700]).await;
    let named: Vec<String> = (0..640).map(|n| format!("B{n:04}")).collect();
    let some = bulletins::resolve(&s.db, &named).await.unwrap();
    let mut w = s.write(9).await;
    bulletins::set_enabled(&mut w, &some, false).await.unwrap();
    bulletins::set_custom_severity(&mut w, &some[..550], Some("urgent")).await.unwrap();
    w.commit().await.unwrap();
    let f = BulletinFilter::default;
    let critical = vec![Severity::Critical, Severity::Low];
    let filters: [(BulletinFilter, Holds); 12] = [
        (BulletinFilter { feed: Some(feed), ..f() }, |_| true),
        (BulletinFilter { severities: critical.clone(), ..f() }, |b| {
            matches!(b.severity, Severity::Critical | Severity::Low)
        }),
        (BulletinFilter { enabled: Some(true), ..f() }, |b| b.enabled),
        (BulletinFilter { enabled: Some(false), ..f() }, |b| !b.enabled),
        (BulletinFilter { custom_severity: Some("urgent".into()), ..f() }, |b| {
            b.custom_severity.as_deref() == Some("urgent")
        }),
        (BulletinFilter { downloaded: Some(true), ..f() }, |b| b.packages > 0),
        (BulletinFilter { downloaded: Some(true), enabled: Some(false), ..f() }, |b| b.packages > 0 && !b.enabled),
        (BulletinFilter { downloaded: Some(true), enabled: Some(true), ..f() }, |b| b.packages > 0 && b.enabled),
        (BulletinFilter { downloaded: Some(false), listed: Some(true), ..f() }, |b| b.packages == 0),
        (BulletinFilter { bad: Some(false), severities: critical, enabled: Some(true), ..f() }, |b| {
            b.enabled && matches!(b.severity, Severity::Critical | Severity::Low)
        }),
        (BulletinFilter { revised_from: Some(at(20_000)), ..f() }, |b| b.revised_at >= at(20_000)),
        (BulletinFilter { released_before: Some(at(9_000)), ..f() }, |b| b.released_at.is_some_and(|t| t < at(9_000))),
    ];
    for sort in [
        BulletinSort::Revised,
        BulletinSort::Released,
        BulletinSort::Severity,
        BulletinSort::Name,
        BulletinSort::CustomSeverity,
        BulletinSort::Downloaded,
        BulletinSort::BadPackages,
    ] {
        let descending = sort != BulletinSort::Name;
        let all = bulletins::BulletinQuery { sort, descending, limit: 400, ..query() };
        let (rows, total) = whole(s, &all).await;
        assert_eq!(total, Some(1_400));
        for (filter, holds) in &filters {
            let expected: Vec<_> = rows.iter().filter(|row| holds(row)).map(|row| &row.name).collect();
            let (found, total) = whole(s, &bulletins::BulletinQuery { filter: filter.clone(), ..all.clone() }).await;
            let found: Vec<_> = found.iter().map(|row| &row.name).collect();
            assert!(!expected.is_empty() && found == expected, "{sort:?} {filter:?}: {} rows", found.len());
            assert_eq!(total, Some(expected.len() as u64), "{sort:?} {filter:?}");
        }
    }
}

async fn a_name_of_two_feeds_is_ambiguous_and_says_so(s: &Sandbox) {
    let (_, _) = s.catalogue(2).await;
    let dell = s.feed("Dell").await;
    s.import(dell, vec![bulletin(1), bulletin(5)], vec![update(1, "1")]).await;
    let error = bulletins::resolve(&s.db, &["B0000".into(), "B0001".into()]).await.unwrap_err();
    assert!(matches!(&error, DbError::Ambiguous { feeds, .. } if feeds == &["Dell", "hp"]), "{error}");
    let found = bulletins::resolve(&s.db, &["dell/b0001".into(), "HP/B0001".into(), "b0005".into()]).await.unwrap();
    assert_eq!(found.len(), 3);
    let by_id = bulletins::resolve(&s.db, &[found[0].to_string()]).await.unwrap();
    assert_eq!(by_id, found[..1]);
    let missing = bulletins::resolve(&s.db, &["b0005".into(), "B9".into()]).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no bulletin \"B9\"");
    assert!(patchwharf_db::updates::resolve(&s.db, &["u0001".into()]).await.is_err());
    assert!(patchwharf_db::updates::resolve(&s.db, &["Dell/u0001".into(), "u0000".into()]).await.is_ok());
}

async fn an_administrators_choices_survive_an_import(s: &Sandbox) {
    let (feed, _) = s.catalogue(2).await;
    let ids = bulletins::resolve(&s.db, &["B0001".into()]).await.unwrap();
    let mut w = s.write(9).await;
    bulletins::set_enabled(&mut w, &ids, false).await.unwrap();
    assert_eq!(bulletins::set_custom_severity(&mut w, &ids, Some("high")).await.unwrap(), ids);
    assert!(bulletins::set_custom_severity(&mut w, &ids, Some("high")).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let mut revised = bulletin(1);
    revised.title = "Another title".into();
    s.import(feed, vec![revised], vec![update(1, "2")]).await;
    let shown = bulletins::show(&s.db, ids[0]).await.unwrap();
    assert_eq!((shown.title.as_str(), shown.enabled), ("Another title", false));
    assert_eq!(shown.custom_severity.as_deref(), Some("high"));
}

async fn a_cursor_of_somebody_else_is_refused(s: &Sandbox) {
    for cursor in ["zz", "00", "é", "123", ""] {
        let asked = bulletins::BulletinQuery { cursor: Some(cursor.into()), sort: BulletinSort::Revised, ..query() };
        let error = bulletins::list(&s.db, &asked).await.unwrap_err();
        assert!(matches!(error, DbError::Refused(_)), "{cursor}: {error}");
    }
}

async fn a_row_says_what_is_wrong_and_what_works_on_it(s: &Sandbox) {
    let (_, ids) = s.catalogue(3).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids[..2]).await;
    let names: Vec<String> = (0..3).map(|n| format!("B000{n}")).collect();
    let bulletins = bulletins::resolve(&s.db, &names).await.unwrap();
    assert!(
        bulletins::troubles(&s.db, &bulletins).await.unwrap().is_empty(),
        "what is whole or was never wanted is well"
    );

    let job = JobId::new();
    let package = staged[0].package_id;
    let mut w = s.write(30).await;
    let locks = packages::lock(&mut w, &[package], job, at(1000)).await.unwrap();
    let LockOutcome::Held { token } = locks[0].1 else { panic!("{locks:?}") };
    let file = FileResult {
        name: staged[0].files[0].name.to_string(),
        state: VersionState::Corrupt,
        reason: "expected aa, found bb".into(),
        proof: None,
    };
    let held = Held { package_id: package, version: 1, token };
    let bad = Verified { held, state: VersionState::Corrupt, reason: "1 file".into(), files: vec![file] };
    assert!(packages::put_verified(&mut w, Some(job), at(40), &[bad]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let troubles = bulletins::troubles(&s.db, &bulletins).await.unwrap();
    let [trouble] = troubles.as_slice() else { panic!("{troubles:?}") };
    assert_eq!((trouble.bulletin_id, trouble.package_id), (bulletins[0], package));
    assert_eq!((trouble.state, trouble.reason.as_str(), trouble.unproved), (VersionState::Corrupt, "1 file", false));

    let mut parts = bulletins::parts(&s.db, &bulletins).await.unwrap();
    parts.sort_by_key(|part| bulletins.iter().position(|id| *id == part.bulletin_id));
    let found: Vec<_> = parts.iter().map(|part| (part.update_id, part.package_id, part.lock_job)).collect();
    assert_eq!(
        found,
        [(ids[0], Some(package), Some(job)), (ids[1], Some(staged[1].package_id), None), (ids[2], None, None)]
    );
    let named = bulletins::of_packages(&s.db, &[package]).await.unwrap();
    assert_eq!((named[0].bulletin.as_str(), named[0].update_key.as_str()), ("B0000", "u0000"));
}

async fn what_was_changed_of_a_bulletin_and_its_packages_is_one_list(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let bulletin = updates::show(&s.db, ids[0]).await.unwrap().bulletin_id;
    let mut w = s.write(50).await;
    bulletins::set_enabled(&mut w, &[bulletin], false).await.unwrap();
    w.commit().await.unwrap();
    let objects = [format!("bulletin {bulletin}"), format!("package {}", staged[0].package_id)];
    let filter = AuditFilter { objects: &objects, ..AuditFilter::default() };
    let first = audit::list(&s.db, filter, None, 1).await.unwrap();
    assert_eq!(first.rows[0].action, "bulletin.disable", "the newest first");
    let rest = audit::list(&s.db, filter, first.next.as_deref(), 100).await.unwrap();
    assert!(rest.rows.iter().any(|row| row.action == "package.switch"), "{:?}", rest.rows);
    assert!(rest.rows.iter().all(|row| objects.contains(&row.object)), "{:?}", rest.rows);
    let switched = AuditFilter { action: Some("package"), ..filter };
    assert!(audit::list(&s.db, switched, None, 100).await.unwrap().rows.iter().all(|row| row.object == objects[1]));
}
