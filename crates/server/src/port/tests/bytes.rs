//! Requests that are too large, or that two readers would understand in two ways.

use tokio::io::AsyncWriteExt as _;

use super::rig::{Rig, patient, to_the_end};

#[tokio::test]
async fn w_17_a_huge_head_is_refused() {
    let rig = Rig::new(patient(), None).await;
    for head in [
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-a: a\r\n".repeat(200)),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{}", "x-a: a\r\n".repeat(100_000)),
        "a".repeat(1 << 20),
    ] {
        let mut stream = rig.connect(2).await;
        // It is closed while the rest is still sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let answer = to_the_end(&mut stream).await;
        let status = answer.get(9..12).unwrap_or("431");
        assert!(matches!(status, "431" | "414" | "400"), "{answer}");
        assert!(rig.serves(2).await);
    }
}

/// A second request hides in what some would take for the first one's body.
#[tokio::test]
async fn w_17_no_request_hides_in_another() {
    let rig = Rig::new(patient(), None).await;
    let hidden = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let length = hidden.len();
    for (what, head, body) in [
        ("length, then chunked", format!("content-length: {}\r\ntransfer-encoding: chunked", length + 5), "0\r\n\r\n"),
        ("chunked, then length", "transfer-encoding: chunked\r\ncontent-length: 5".into(), "0\r\n\r\n"),
        ("two lengths", format!("content-length: 0\r\ncontent-length: {length}"), ""),
        ("two lengths in one", format!("content-length: 0, {length}"), ""),
        ("a length with a sign", "content-length: +0".into(), ""),
        ("a length with a space", "content-length : 0".into(), ""),
        ("a length with letters", "content-length: 0x0".into(), ""),
        ("an endless length", "content-length: 99999999999999999999".into(), ""),
        ("chunked and more", "transfer-encoding: chunked, identity".into(), "0\r\n\r\n"),
        ("nearly chunked", "transfer-encoding: xchunked".into(), "0\r\n\r\n"),
        ("nearly chunked, with a length", "transfer-encoding: xchunked\r\ncontent-length: 0".into(), ""),
        ("a name with a tab", "transfer-encoding\t: chunked\r\ncontent-length: 0".into(), ""),
        ("a folded line", "x: y\r\n content-length: 0".into(), ""),
        ("a bare return", "x: y\rcontent-length: 0".into(), ""),
        ("a chunk of a negative size", "transfer-encoding: chunked".into(), "-1\r\n"),
        ("a chunk of too large a size", "transfer-encoding: chunked".into(), "fffffffffffffffff\r\n"),
    ] {
        let request = format!("POST /sink HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}{hidden}");
        let mut stream = rig.send(2, &request).await;
        let answer = to_the_end(&mut stream).await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{what}: {answer}");
        let both = what.starts_with("length, then") || what.starts_with("chunked, then") || what.starts_with("a chunk");
        assert!(both || answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert_eq!(rig.smuggled(), 0, "{what}: {answer}");
    }
    let old = "POST /sink HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = to_the_end(&mut rig.send(2, &format!("{old}{hidden}")).await).await;
    assert!(answer.get(8..13) == Some(" 400 "), "{answer}");
    assert_eq!(rig.smuggled(), 0);
}

#[tokio::test]
async fn w_17_no_other_version_of_http_is_spoken() {
    let rig = Rig::new(patient(), None).await;
    // The beginning of HTTP/2 with empty settings, then a stream that is reset at once, again and again.
    let mut rapid = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..2_000_u32).step_by(2) {
        rapid.extend_from_slice(b"\0\0\x03\x01\x05");
        rapid.extend_from_slice(&stream.to_be_bytes());
        rapid.extend_from_slice(b"\x82\x86\x84\0\0\x04\x03\0");
        rapid.extend_from_slice(&stream.to_be_bytes());
        rapid.extend_from_slice(&8_u32.to_be_bytes());
    }
    let mut stream = rig.connect(2).await;
    let _ = stream.write_all(&rapid).await;
    let answer = to_the_end(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    let mut upgrade = rig.send(2, "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n").await;
    assert!(to_the_end(&mut upgrade).await.starts_with("HTTP/1.1 200 "));
    assert!(rig.serves(2).await);
}
