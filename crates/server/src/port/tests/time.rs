//! How long is waited for whom.

use std::time::Duration;

use patchwharf_testkit::eventually_async;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{BIG, DEADLINE, GET, Rig, is_answered, is_open, patient, to_the_end};
use crate::port::Limits;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn w_17_who_sends_no_request_is_closed_and_others_are_served() {
    let rig = Rig::new(Limits { first: SHORT, ..patient() }, None).await;
    let mut silent = rig.connect(2).await;
    let half = rig.send(2, "GET / HTTP/1.1\r\nhost: x\r\nx-a: b").await;
    // Who sends a little again and again is not faster for it.
    let (mut read, mut write) = half.into_split();
    let dripping = tokio::spawn(async move {
        while write.write_all(b"b").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    assert!(rig.serves(2).await);
    assert_eq!(to_the_end(&mut silent).await, "");
    let mut answer = String::new();
    let _ = tokio::time::timeout(DEADLINE, read.read_to_string(&mut answer)).await.expect("it is closed");
    assert_eq!(answer, "");
    dripping.await.unwrap();
    assert!(rig.serves(2).await);
    assert!(rig.count("connections_ended_total{why=\"slow\"}") >= 2);
}

#[tokio::test]
async fn w_17_a_connection_is_kept_for_a_while_after_its_answer() {
    let rig = Rig::new(Limits { first: SHORT, idle: SHORT * 4, ..patient() }, None).await;
    let mut kept = rig.connect(2).await;
    for _ in 0..4 {
        kept.write_all(GET.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"here") {
            let mut bytes = [0; 512];
            let read = tokio::time::timeout(DEADLINE, kept.read(&mut bytes)).await.expect("an answer").unwrap();
            assert!(read > 0, "it is closed");
            answer.extend_from_slice(&bytes[..read]);
        }
        tokio::time::sleep(SHORT * 2).await;
    }
    assert_eq!(to_the_end(&mut kept).await, "");
}

#[tokio::test]
async fn w_17_a_body_that_stalls_is_given_up_and_one_that_only_comes_slowly_is_not() {
    let rig = Rig::new(Limits { body: SHORT * 2, ..patient() }, None).await;
    let head = "POST /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 40\r\n\r\n";
    let mut stalled = rig.send(2, &format!("{head}a")).await;
    let mut slow = rig.send(2, head).await;
    let chunked = "POST /sink HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello";
    let mut unfinished = rig.send(2, chunked).await;
    for _ in 0..40 {
        slow.write_all(b"s").await.unwrap();
        tokio::time::sleep(SHORT / 10).await;
    }
    assert!(is_answered(&mut slow).await, "longer than the time in all, never as long between two bytes");
    assert!(to_the_end(&mut stalled).await.contains("broken after 1"));
    assert!(to_the_end(&mut unfinished).await.contains("broken after 5"));
}

#[tokio::test]
async fn w_17_a_slow_line_gets_all_of_its_answer() {
    let rig = Rig::new(Limits { first: SHORT, idle: SHORT, stalled: Duration::from_secs(20), ..patient() }, None).await;
    // In one piece, all of which the server has handed on at once, and in many.
    for page in ["/big", "/pieces"] {
        let mut stream = rig.send(2, &format!("GET {page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        let (mut read, mut buffer) = (0, vec![0; 1 << 20]);
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                more => read += more,
            }
            tokio::time::sleep(SHORT / 10).await;
        }
        assert!(read > BIG, "{page}: {read} of {BIG} bytes");
    }
}

#[tokio::test]
async fn w_17_who_takes_nothing_at_all_is_given_up() {
    let rig = Rig::new(Limits { stalled: Duration::from_secs(1), ..patient() }, None).await;
    let unwilling = rig.send(2, "GET /pieces HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let idle = rig.connect(3).await;
    rig.until_open(2).await;
    eventually_async("the unwilling is given up", DEADLINE, || async { (rig.count("connections") == 1).then_some(()) })
        .await;
    assert!(is_open(&idle), "who was sent nothing is not meant");
    drop(unwilling);
}
