//! The server's own port: what listens, and who is not waited for.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use patchwharf_testkit::{Server, server::DEADLINE};
use serde_json::json;

use crate::world::{BINARY, World};

/// What comes until the server closes, which must be.
fn to_the_end(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it is open after {DEADLINE:?}"),
        _ => bytes,
    }
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url("").rsplit_once('/').unwrap().1).unwrap()
}

#[tokio::test]
async fn w_17_who_says_nothing_is_cut_off_while_others_are_served() {
    let (plain, tls) = (Server::start(BINARY).await, Server::setup(BINARY).tls().start().await);
    let silent: Vec<_> = (0..50).flat_map(|_| [connect(&plain), connect(&tls)]).collect();
    let mut half = connect(&plain);
    half.write_all(b"POST /api/v1/session HTTP/1.1\r\nhost: x\r\n").unwrap();
    let mut shake = connect(&tls);
    shake.write_all(&[0x16, 3, 1]).unwrap();
    for server in [&plain, &tls] {
        let _: serde_json::Value = server.api().get("/api/v1/jobs").await;
    }
    let ends = silent.into_iter().chain([half, shake]).map(|stream| tokio::task::spawn_blocking(|| to_the_end(stream)));
    for end in ends.collect::<Vec<_>>() {
        assert_eq!(end.await.unwrap(), b"", "nothing was asked");
    }
    for server in [&plain, &tls] {
        let text = server.api().fetch("/metrics").await.text();
        let slow = text.lines().find_map(|line| line.strip_prefix("patchwharf_connections_ended_total{why=\"slow\"} "));
        assert!(slow.is_some_and(|count| count.parse::<u32>().unwrap() >= 51), "{text}");
    }
}

/// What a process and what it started listen at: TCP and UDP, IPv4 and IPv6, as the kernel has it.
fn listening(process: u32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(stat) = std::fs::read_dir("/proc") else { panic!("/proc cannot be read") };
    let processes = stat.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    for process in processes.filter(|candidate| descends(*candidate, process)) {
        // Who ends meanwhile listens at nothing.
        let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else { continue };
        let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let links = links.map(|link| link.to_string_lossy().into_owned());
        let sockets: BTreeSet<String> =
            links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
        for kind in ["tcp", "tcp6", "udp", "udp6"] {
            let table = std::fs::read_to_string(format!("/proc/{process}/net/{kind}")).unwrap_or_default();
            for line in table.lines().skip(1) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                // A socket for UDP takes what comes as soon as it is bound; one that is connected is a client's.
                let is_client = if kind.starts_with("tcp") { fields[3] != "0A" } else { fields[3] == "01" };
                if sockets.contains(fields[9]) && !is_client {
                    found.insert(format!("{kind} {}", fields[1]));
                }
            }
        }
    }
    found
}

fn descends(candidate: u32, from: u32) -> bool {
    let parent = |process: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    std::iter::successors(Some(candidate), |process| parent(*process).filter(|parent| *parent > 1))
        .any(|process| process == from)
}

/// As the kernel writes `127.0.0.1:port`.
fn as_kernel(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    format!("tcp {:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

#[tokio::test]
async fn w_22_the_server_listens_at_what_is_configured_and_nothing_else() {
    // The test sees what it looks for.
    let own = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = format!(":{:04X}", own.local_addr().unwrap().port());
    assert!(listening(std::process::id()).iter().any(|line| line.starts_with("udp ") && line.ends_with(&port)));
    for server in [Server::start(BINARY).await, Server::setup(BINARY).tls().start().await] {
        let process = server.process_id();
        let port = server.url("").rsplit(':').next().unwrap().parse().unwrap();
        let declared = BTreeSet::from([as_kernel(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))]);
        assert_eq!(listening(process), declared, "after the start");
        let (done, expected) = (Arc::new(AtomicBool::new(false)), declared.clone());
        let watch = std::thread::spawn({
            let done = Arc::clone(&done);
            move || {
                while !done.load(Ordering::SeqCst) {
                    let found = listening(process);
                    assert!(found.is_subset(&expected), "{found:?} while it works");
                }
            }
        });
        // A parser's process, downloads, files that are hashed.
        let world = World::on(server).await;
        world.stage(&["B-1", "B-2"]).await;
        world.server.api().run_job("/api/v1/store/integrity-check", &json!({})).await;
        done.store(true, Ordering::SeqCst);
        assert!(watch.join().is_ok(), "it listened at more while it worked");
        assert_eq!(listening(process), declared, "after the work");
    }
}
