use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::*;
use crate::payload::Payload;

struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
    error: Option<std::io::ErrorKind>,
}

fn get(vendor: &Vendor, path: &str, headers: &str) -> Got {
    let mut stream = TcpStream::connect(vendor.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err().map(|e| e.kind());
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Got { status, head, body: bytes[end..].to_vec(), error }
}

fn file() -> Payload {
    Payload::random("sp1.exe", 200_000)
}

#[test]
fn an_honest_file_has_validators_and_ranges() {
    let vendor = Vendor::start();
    vendor.publish("/sp1.exe", &file());
    let whole = get(&vendor, "/sp1.exe", "");
    assert_eq!((whole.status, &whole.body[..]), (200, &file().bytes[..]));
    let etag = whole.head.lines().find_map(|l| l.strip_prefix("ETag: ")).unwrap().to_owned();

    let rest = get(&vendor, "/sp1.exe", &format!("Range: bytes=150000-\r\nIf-Range: {etag}\r\n"));
    assert_eq!((rest.status, &rest.body[..]), (206, &file().bytes[150_000..]));
    assert!(rest.head.contains("Content-Range: bytes 150000-199999/200000"));
    assert_eq!(get(&vendor, "/sp1.exe", "Range: bytes=5-\r\nIf-Range: \"other\"\r\n").status, 200);
    assert_eq!(get(&vendor, "/sp1.exe", "Range: bytes=200000-\r\n").status, 416);
    assert_eq!(get(&vendor, "/sp1.exe", &format!("If-None-Match: {etag}\r\n")).status, 304);
    assert_eq!(get(&vendor, "/other", "").status, 404);
    assert_eq!((vendor.count("/sp1.exe"), vendor.bytes_sent("/sp1.exe")), (5, 200_000 + 50_000 + 200_000));
    assert_eq!(vendor.requests_for("/sp1.exe")[1].range(), Some((150_000, None)));
}

#[test]
fn lies_are_told_as_scripted() {
    let vendor = Vendor::start();
    let length = |lie| {
        vendor.lie("/x", &file(), lie);
        get(&vendor, "/x", "").body.len()
    };
    assert_eq!(length(Lie::Longer(3)), 200_003);
    assert_eq!(length(Lie::Shorter(3)), 199_997);
    assert_eq!(length(Lie::TruncateAt(70_000)), 70_000);
    let chunked = {
        vendor.lie("/x", &file(), Lie::TruncateChunkedAt(1000));
        get(&vendor, "/x", "")
    };
    assert!(chunked.head.contains("chunked") && !chunked.body.ends_with(b"0\r\n\r\n"));

    vendor.lie("/x", &file(), Lie::FlipBit(10));
    let flipped = get(&vendor, "/x", "").body;
    assert_eq!(flipped.iter().zip(&file().bytes).filter(|(a, b)| a != b).count(), 1);

    vendor.lie("/x", &file(), Lie::IgnoreRange);
    assert_eq!(get(&vendor, "/x", "Range: bytes=10-\r\n").status, 200);
    vendor.lie("/x", &file(), Lie::WrongContentRange(7));
    assert!(get(&vendor, "/x", "Range: bytes=10-\r\n").head.contains("bytes 17-200006/200007"));
    vendor.lie("/x", &file(), Lie::Unsatisfiable);
    assert_eq!(get(&vendor, "/x", "Range: bytes=10-\r\n").status, 416);
    vendor.lie("/x", &file(), Lie::ChangeOnRange(file().damaged().bytes));
    assert_eq!(get(&vendor, "/x", "Range: bytes=10-\r\n").body, file().damaged().bytes[10..]);
}

#[test]
fn a_script_goes_on_from_act_to_act_and_stays_at_the_last() {
    let vendor = Vendor::start();
    vendor.script(
        "/x",
        [Act::status(503), Act::too_many_requests(2), Act::Reset, Act::html_page(), Act::serve(b"good".to_vec())],
    );
    assert_eq!(get(&vendor, "/x", "").status, 503);
    assert!(get(&vendor, "/x", "").head.contains("Retry-After: 2"));
    assert_eq!(get(&vendor, "/x", "").error, Some(std::io::ErrorKind::ConnectionReset));
    assert_eq!(get(&vendor, "/x", "").status, 200);
    for _ in 0..2 {
        assert_eq!(get(&vendor, "/x", "").body, b"good");
    }
}

#[test]
fn headers_carry_control_bytes_as_they_are() {
    let vendor = Vendor::start();
    vendor.script("/x", [Act::redirect_raw(302, b"http://a/\x01b\rc")]);
    assert!(get(&vendor, "/x", "").head.contains("Location: http://a/\u{1}b\rc\r\n"));
}

#[test]
fn a_chain_of_redirects_ends_where_it_should() {
    let vendor = Vendor::start();
    vendor.publish("/end", b"end".to_vec());
    vendor.redirect_chain("/start", 3, "/end");
    let mut path = "/start".to_owned();
    let mut hops = 0;
    let body = loop {
        let got = get(&vendor, &path, "");
        let Some(to) = got.head.lines().find_map(|l| l.strip_prefix("Location: ")) else { break got.body };
        path = to.strip_prefix(&vendor.url("")).unwrap().to_owned();
        hops += 1;
    };
    assert_eq!((hops, &body[..]), (3, &b"end"[..]));
}

#[test]
fn a_vendor_goes_down_and_comes_up_at_the_same_port() {
    let vendor = Vendor::start();
    vendor.publish("/x", b"x".to_vec());
    vendor.go_down();
    assert!(TcpStream::connect(vendor.address()).is_err());
    vendor.come_up();
    assert_eq!(get(&vendor, "/x", "").body, b"x");
    vendor.set_mood(Mood::Failing(500));
    assert_eq!(get(&vendor, "/x", "").status, 500);
}

#[test]
fn a_stalled_body_goes_on_when_released() {
    let vendor = Vendor::start();
    vendor.lie("/x", &file(), Lie::StallAt(1000));
    let body = std::thread::scope(|scope| {
        let reader = scope.spawn(|| get(&vendor, "/x", "").body);
        crate::eventually("1000 bytes are sent", Duration::from_secs(5), || {
            (vendor.bytes_sent("/x") == 1000).then_some(())
        });
        vendor.release();
        reader.join().unwrap()
    });
    assert_eq!(body, file().bytes);
}

#[test]
fn a_gzip_bomb_unpacks_to_what_was_asked_for() {
    let vendor = Vendor::start();
    vendor.script("/x", [Act::GzipBomb { unpacked_bytes: 50_000_000 }]);
    let body = get(&vendor, "/x", "").body;
    assert!(body.len() < 100_000);
    let unpacked = std::io::copy(&mut flate2::read::GzDecoder::new(&body[..]), &mut std::io::sink()).unwrap();
    assert_eq!(unpacked, 50_000_000);
}
