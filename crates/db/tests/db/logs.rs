//! The log.

use patchwharf_db::{
    logs,
    logs::{LogFilter, LogRecord},
};
use patchwharf_model::{InstanceId, JobId};

use crate::sandbox::{Sandbox, at};

crate::on_both!(
    records_are_followed_filtered_and_pruned,
    a_text_is_found_through_the_index_and_whatever_goes_leaves_it,
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
    logs::prune(&s.db, at(8), u64::MAX).await.unwrap();
    assert!(found("needle's").await.is_empty());
}
