//! Where a request comes from, also behind a proxy.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use crate::config::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address. Who connects is believed to be a proxy only when its address is one of `trusted`; then the
/// client is the last entry of `X-Forwarded-For` that no such proxy has written about another one: what stands before it
/// was written by the client itself.
pub(crate) fn client_address(trusted: &[Network], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_proxy = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if !is_proxy(client) {
        return client;
    }
    let values: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    for entry in values.iter().flat_map(|value| value.split(',')).rev() {
        let Some(address) = parse(entry.trim()) else { break };
        client = address.to_canonical();
        if !is_proxy(client) {
            break;
        }
    }
    client
}

/// The source that an address stands for: one who has an IPv6 network has all of its addresses.
pub(crate) fn source_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// An address, as proxies write it: alone, with a port, in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn from(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = ["127.0.0.1".parse().unwrap(), "10.1.0.0/16".parse().unwrap()];
        client_address(&trusted, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn w_06_only_a_trusted_proxy_says_who_asks() {
        assert_eq!(from("198.51.100.7", &["192.0.2.1"]), "198.51.100.7", "anybody can write a header");
        assert_eq!(from("127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(from("::ffff:127.0.0.1", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(from("127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(from("127.0.0.1", &["203.0.113.9, 192.0.2.1, 10.1.2.3"]), "192.0.2.1", "what the client wrote");
        assert_eq!(from("127.0.0.1", &["203.0.113.9", "192.0.2.1"]), "192.0.2.1", "in several headers");
        assert_eq!(from("127.0.0.1", &["192.0.2.1, rubbish"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn a_network_of_64_bits_is_one_source() {
        let of = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::5"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::5"), of("2001:db8:1:3::5"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
