//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is none that a public vendor can have; none when it is public (IANA special-purpose registries).
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(a) => special_v4(a),
        IpAddr::V6(a) => special_v6(a),
    }
}

fn special_v4(a: Ipv4Addr) -> Option<&'static str> {
    let [first, second, third, _] = a.octets();
    match (first, second, third) {
        (0, ..) => Some("unspecified"),
        (127, ..) => Some("loopback"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some("private"),
        (100, 64..=127, _) => Some("carrier-grade NAT"),
        (169, 254, _) => Some("link-local, where cloud metadata lives"),
        (168, 63, 129) if a == Ipv4Addr::new(168, 63, 129, 16) => Some("cloud metadata"),
        (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) => Some("reserved for protocols"),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Some("reserved for documentation"),
        (224..=239, ..) => Some("multicast"),
        (240.., ..) => Some("reserved or broadcast"),
        _ => None,
    }
}

fn special_v6(a: Ipv6Addr) -> Option<&'static str> {
    let s = a.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        special_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0, 0, 0, 0, 0, 0, ..] => Some("an obsolete form of IPv4"),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 1, ..] => Some("private translation"),
        [0x100, 0, 0, 0, ..] => Some("discard-only"),
        [0x2001, 0..=0x1ff, ..] => Some("reserved for protocols"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("reserved for documentation"),
        [0x2002, high, low, ..] => embedded(high, low),
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("site-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.1.1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2002:7f00:1::",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a00:1",
            "2001::1",
            "192.0.2.1",
        ] {
            assert!(special(text.parse().unwrap()).is_some(), "{text} passed as public");
        }
        for text in ["8.8.8.8", "151.101.2.132", "172.32.0.1", "2a04:4e42::644", "2606:4700::1111", "64:ff9b::808:808"]
        {
            assert!(special(text.parse().unwrap()).is_none(), "{text} was refused");
        }
    }
}
