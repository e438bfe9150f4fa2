//! Who is connected, and who gets a place.

use camino::Utf8Path;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::rig::{BIG, Rig, is_answered, is_open, patient, to_the_end};
use crate::{
    config::Config,
    port::Limits,
    tls::{ServerTls, Troubles},
};

#[tokio::test]
async fn w_17_stalled_handshakes_hold_up_nobody() {
    patchwharf_trust::install_crypto_provider();
    let home = TempDir::new().unwrap();
    let data = Utf8Path::from_path(home.path()).unwrap().to_owned();
    let config = Config { data: data.clone(), ..Config::default() };
    let tls = ServerTls::open(&config, Troubles::default(), patchwharf_model::Timestamp::now()).await.unwrap();
    let rig = Rig::new(patient(), Some(tls.acceptors().unwrap())).await;
    let mut stalled = Vec::new();
    for n in 0..1_200 {
        let mut stream = rig.connect(1).await;
        if n % 2 == 0 {
            stream.write_all(&[0x16, 3, 1]).await.unwrap();
        }
        stalled.push(stream);
    }
    rig.until_open(1_200).await;
    let pem = std::fs::read(data.join("tls/ca.pem")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&pem).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap();
    let answer = client.get(format!("https://{}/", rig.address)).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "here");
    assert!(stalled.iter().all(is_open), "they were served because others were cut off");
}

#[tokio::test]
async fn w_17_of_one_source_who_has_waited_longest_makes_room_and_others_notice_nothing() {
    let rig = Rig::new(Limits { of_a_source: 8, ..patient() }, None).await;
    let stranger = rig.connect(3).await;
    rig.until_open(1).await;
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(rig.connect(2).await);
    }
    assert!(rig.serves(2).await, "who asks at once is served, even there");
    for stream in &mut idle[..52] {
        assert_eq!(to_the_end(stream).await, "", "who has waited longest is closed");
    }
    assert!(is_open(&stranger));
    assert!(rig.serves(3).await && rig.serves(1).await);
    assert!(rig.count("connections_ended_total{why=\"displaced\"}") >= 52);
    // 127.0.0.1 is a proxy, by which many come.
    let many: Vec<_> = futures_util::future::join_all((0..20).map(|_| rig.connect(1))).await;
    rig.until_open(7 + 1 + 20).await;
    assert!(many.iter().all(is_open));
}

#[tokio::test]
async fn w_17_what_is_under_way_goes_on_whoever_comes() {
    let rig = Rig::new(Limits { of_a_source: 4, ..patient() }, None).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(rig.hold(2).await);
    }
    assert!(!rig.serves(2).await, "the fifth is refused");
    assert!(rig.count("connections_ended_total{why=\"refused\"}") > 0);
    assert!(rig.serves(3).await, "others are served");
    rig.release.send_replace(true);
    for stream in &mut held {
        assert!(is_answered(stream).await, "none of them was cut off");
    }
    assert!(rig.serves(2).await, "its connections only wait now: the oldest makes room");
}

#[tokio::test]
async fn w_17_an_answer_that_is_still_taken_is_not_cut_off_for_others() {
    let rig = Rig::new(Limits { of_a_source: 1, ..patient() }, None).await;
    let mut slow = rig.send(2, "GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(is_answered(&mut slow).await);
    assert!(!rig.serves(2).await, "the server has handed on all of its answer, the client has not taken it");
    assert!(to_the_end(&mut slow).await.len() > BIG);
    rig.until_open(0).await;
    assert!(rig.serves(2).await);
}

#[tokio::test]
async fn w_17_with_all_places_taken_this_machine_and_the_proxies_get_in() {
    let rig = Rig::new(Limits { connections: 12, kept: 4, of_a_source: 2, ..patient() }, None).await;
    let mut held = Vec::new();
    for n in 0..8_u8 {
        held.push(rig.hold(10 + n / 2).await);
    }
    assert!(!rig.serves(20).await, "strangers are refused");
    assert!(rig.serves(1).await, "who administrates gets in");
    rig.release.send_replace(true);
    for stream in &mut held {
        assert!(is_answered(stream).await);
    }
    assert!(rig.serves(20).await);
}
