//! The log.

use patchwharf_db::{
    logs,
    logs::{LogFilter, LogRecord},
};
use patchwharf_model::{BulletinId, InstanceId, JobId, PackageId};

use crate::sandbox::{Sandbox, at};

crate::on_both!(
    records_are_followed_filtered_and_pruned,
    a_text_is_found_through_the_index_and_whatever_goes_leaves_it,
    the_packages_of_a_bulletin_are_known_after_they_are_deleted,
    fields_are_found_as_they_are_shown,
    a_text_too_short_for_the_index_is_looked_for_in_a_part_of_the_log,
);

async fn records_are_followed_filtered_and_pruned(s: &Sandbox) {
    let (server, job) = (InstanceId::new(), JobId::new());
    let record = |number: u64| LogRecord {
        server,
        number,
        at: at(i64::try_from(number).unwrap()),
        level: if number.is_multiple_of(10) { 1 } else { 3 },
        target: "patchwharf".into(),
        message: format!("Record {number}"),
        job_id: number.is_multiple_of(2).then_some(job),
        package_id: None,
        bulletin_id: None,
        fields: "{}".into(),
    };
    logs::append(&s.db, &(1..=100).map(record).collect::<Vec<_>>()).await.unwrap();
    logs::append(&s.db, &[record(100)]).await.unwrap();
    assert_eq!(logs::last_number(&s.db, server).await.unwrap(), 100);
    assert_eq!(logs::last_number(&s.db, InstanceId::new()).await.unwrap(), 0);
    assert_eq!(logs::span(&s.db, server).await.unwrap(), logs::Span { first: 1, last: 100 });
    assert_eq!(logs::span(&s.db, InstanceId::new()).await.unwrap(), logs::Span { first: 0, last: 0 });
    let numbers = |filter: LogFilter| async move {
        logs::tail(&s.db, &filter).await.unwrap().iter().map(|r| r.number).collect::<Vec<_>>()
    };
    let any = LogFilter { limit: 3, ..LogFilter::default() };
    assert_eq!(numbers(any.clone()).await, [98, 99, 100]);
    assert_eq!(numbers(LogFilter { server: Some(server), after: Some(7), ..any.clone() }).await, [8, 9, 10]);
    assert_eq!(numbers(LogFilter { job: Some(job), ..any.clone() }).await, [96, 98, 100]);
    assert_eq!(numbers(LogFilter { max_level: Some(2), ..any.clone() }).await, [80, 90, 100]);
    assert_eq!(numbers(LogFilter { text: Some("RECORD 10".into()), ..any.clone() }).await, [10, 100]);
    let of = |filter: LogFilter| LogFilter { server: Some(server), limit: 3, ..filter };
    assert_eq!(numbers(of(LogFilter { before: Some(7), ..LogFilter::default() })).await, [4, 5, 6]);
    let grave = LogFilter { before: Some(40), max_level: Some(1), ..LogFilter::default() };
    assert_eq!(numbers(of(grave)).await, [10, 20, 30]);
    let between = LogFilter { after: Some(10), before: Some(12), ..LogFilter::default() };
    assert_eq!(numbers(of(between)).await, [11]);
    assert_eq!(logs::first_since(&s.db, server, at(42)).await.unwrap(), Some(42));
    assert_eq!(logs::first_since(&s.db, server, at(0)).await.unwrap(), Some(1));
    assert_eq!(logs::first_since(&s.db, server, at(101)).await.unwrap(), None);
    assert_eq!(logs::first_since(&s.db, InstanceId::new(), at(0)).await.unwrap(), None);
    assert_eq!(logs::prune(&s.db, at(51), u64::MAX).await.unwrap(), 50);
    assert!(logs::prune(&s.db, at(0), 1).await.unwrap() >= 49);
}

async fn a_text_is_found_through_the_index_and_whatever_goes_leaves_it(s: &Sandbox) {
    let server = InstanceId::new();
    let record = |number: u64| LogRecord {
        server,
        number,
        at: at(i64::try_from(number).unwrap()),
        level: 3,
        target: "patchwharf".into(),
        message: if number == 7 { "The Needle's here".into() } else { format!("hay {number}") },
        job_id: None,
        package_id: None,
        bulletin_id: None,
        fields: "{}".into(),
    };
    // More than are fetched by the index for themselves.
    for from in (1..=21_000).step_by(3_000) {
        logs::append(&s.db, &(from..from + 3_000).map(record).collect::<Vec<_>>()).await.unwrap();
    }
    let found = |text: &str| {
        let filter = LogFilter { text: Some(text.into()), limit: 2, ..LogFilter::default() };
        async move { logs::tail(&s.db, &filter).await.unwrap().iter().map(|r| r.number).collect::<Vec<_>>() }
    };
    assert_eq!(found("needle's").await, [7]);
    assert_eq!(found("HAY").await, [20_999, 21_000]);
    assert_eq!(found("hay 12345").await, [12_345]);
    assert_eq!(found("12").await, [20_812, 20_912], "two letters are no trigram");
    assert!(found("hay needle").await.is_empty() && found("\" OR rowid").await.is_empty());
    let after = LogFilter {
        server: Some(server),
        text: Some("hay 1234".into()),
        after: Some(12_000),
        limit: 2,
        ..LogFilter::default()
    };
    assert_eq!(logs::tail(&s.db, &after).await.unwrap().iter().map(|r| r.number).collect::<Vec<_>>(), [12_340, 12_341]);
    logs::prune(&s.db, at(8), u64::MAX).await.unwrap();
    assert!(found("needle's").await.is_empty());
}

async fn the_packages_of_a_bulletin_are_known_after_they_are_deleted(s: &Sandbox) {
    let (server, bulletin, package) = (InstanceId::new(), BulletinId::new(), PackageId::new());
    let record = |number: u64, bulletin_id, package_id| LogRecord {
        server,
        number,
        at: at(9),
        level: 3,
        target: "patchwharf".into(),
        message: "a record".into(),
        job_id: None,
        package_id,
        bulletin_id,
        fields: "{}".into(),
    };
    let records = [
        record(1, Some(bulletin), Some(package)),
        record(2, Some(bulletin), Some(package)),
        record(3, Some(bulletin), None),
        record(4, Some(BulletinId::new()), Some(PackageId::new())),
    ];
    logs::append(&s.db, &records).await.unwrap();
    assert_eq!(logs::packages_of(&s.db, bulletin).await.unwrap(), [package]);
}

async fn fields_are_found_as_they_are_shown(s: &Sandbox) {
    let (server, job) = (InstanceId::new(), JobId::new());
    let record = |number: u64, fields: &[(&str, &str)]| LogRecord {
        server,
        number,
        at: at(i64::try_from(number).unwrap()),
        level: 1,
        target: "patchwharf".into(),
        message: "Job failed".into(),
        job_id: number.is_multiple_of(2).then_some(job),
        package_id: None,
        bulletin_id: None,
        fields: serde_json::to_string(&fields.iter().copied().collect::<std::collections::BTreeMap<_, _>>()).unwrap(),
    };
    let records = [
        record(1, &[]),
        record(2, &[("error", "No space left on \"/srv\""), ("path", r"C:\new\")]),
        record(3, &[("a", r#"\"#), ("b", r#"x":"y","z"#), ("c", "{}")]),
        record(4, &[("a", "")]),
        record(5, &[("file", "\u{c4}nderung.msi")]),
    ];
    logs::append(&s.db, &records).await.unwrap();
    let found = |text: &str, of: Option<JobId>| {
        let filter = LogFilter { text: Some(text.into()), job: of, limit: 9, ..LogFilter::default() };
        async move { logs::tail(&s.db, &filter).await.unwrap().iter().map(|r| r.number).collect::<Vec<_>>() }
    };
    assert_eq!(found("job failed", None).await, [1, 2, 3, 4, 5]);
    assert_eq!(found("failed error=no space left on \"/srv\" path=c:\\new\\", None).await, [2]);
    assert_eq!(found("no space", Some(job)).await, [2]);
    assert_eq!(found(r#"a=\ b=x":"y","z c={}"#, None).await, [3]);
    assert_eq!(found("{\"", None).await, [0; 0], "what JSON adds is not shown");
    assert_eq!(found("\u{c4}nderung.MSI", None).await, [5], "letters beyond ASCII are found as they stand");
    assert_eq!(found("=", Some(job)).await, [2, 4], "too short for the index");
}

async fn a_text_too_short_for_the_index_is_looked_for_in_a_part_of_the_log(s: &Sandbox) {
    let server = InstanceId::new();
    let record = |number: u64| LogRecord {
        server,
        number,
        at: at(1),
        level: 3,
        target: "patchwharf".into(),
        message: if number.is_multiple_of(10_000) { "zq".into() } else { "-".into() },
        job_id: None,
        package_id: None,
        bulletin_id: None,
        fields: "{}".into(),
    };
    // With a gap, as a restart leaves it.
    let numbers: Vec<u64> = (1..=20_000).chain(200_000..=210_000).collect();
    for batch in numbers.chunks(5_000) {
        logs::append(&s.db, &batch.iter().map(|number| record(*number)).collect::<Vec<_>>()).await.unwrap();
    }
    let found = |text: &str, before: Option<u64>, after: Option<u64>| {
        let filter = LogFilter {
            server: Some(server),
            text: Some(text.into()),
            before,
            after,
            limit: 9,
            ..LogFilter::default()
        };
        async move { logs::tail(&s.db, &filter).await.unwrap().iter().map(|r| r.number).collect::<Vec<_>>() }
    };
    assert_eq!(found("zq", None, None).await, [10_000, 20_000, 200_000, 210_000]);
    assert_eq!(found("zq", Some(20_000), None).await, [10_000]);
    assert_eq!(found("zq", None, Some(0)).await, [10_000, 20_000, 200_000, 210_000], "whoever follows misses nothing");
    let more: Vec<_> = (210_001..=240_000).map(record).collect();
    for batch in more.chunks(5_000) {
        logs::append(&s.db, batch).await.unwrap();
    }
    assert_eq!(found("zq", None, None).await, [220_000, 230_000, 240_000], "25,000 records are looked through");
    assert_eq!(found("zq", Some(220_000), None).await, [20_000, 200_000, 210_000]);
}
