//! Telling the service manager how far the server is (sd_notify(3)): a datagram to the socket that it named.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// Tells it, where there is one. `state` is lines of `NAME=value`.
pub(super) fn tell(state: &str) {
    let Ok(socket) = std::env::var("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, "the service manager could not be told {state:?}");
    }
}

fn send(socket: &str, state: &str) -> io::Result<()> {
    let to = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &to).map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_socket_may_have_a_path_or_an_abstract_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), "READY=1").unwrap();
        let name = format!("patchwharf-{}", std::process::id());
        let hidden = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(&format!("@{name}"), "STOPPING=1").unwrap();
        for (socket, expected) in [(listener, "READY=1"), (hidden, "STOPPING=1")] {
            let mut said = [0; 64];
            let length = socket.recv(&mut said).unwrap();
            assert_eq!(&said[..length], expected.as_bytes());
        }
        assert!(send("/nothing/is/here", "READY=1").is_err());
    }
}
