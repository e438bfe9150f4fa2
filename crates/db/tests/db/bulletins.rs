//! Lists of bulletins.

use patchwharf_db::{
    DbError, bulletins,
    bulletins::{BulletinFilter, BulletinSort},
};
use patchwharf_model::Severity;

use crate::{
    catalogue::query,
    sandbox::{Sandbox, at, bulletin, update},
};

crate::on_both!(
    every_sort_pages_through_all_rows_in_order,
    filters_narrow_what_is_listed,
    a_name_of_two_feeds_is_ambiguous_and_says_so,
    an_administrators_choices_survive_an_import,
    a_cursor_of_somebody_else_is_refused,
);

async fn every_sort_pages_through_all_rows_in_order(s: &Sandbox) {
    s.catalogue(23).await;
    use BulletinSort as B;
    let sorts = [
        B::Revised,
        B::Released,
        B::Name,
        B::Severity,
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
