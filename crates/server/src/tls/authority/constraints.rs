//! What the local authority may vouch for: the names that the server had when it was made, and addresses that are not
//! public. Whoever steals its key cannot pass for a bank in the browsers that trust it.

use std::net::{IpAddr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

use super::super::name::{Name, Names};

/// Networks that belong to nobody in public.
const INSIDE: [(IpAddr, u8); 8] = [
    (v4(127, 0, 0, 0), 8),
    (v4(10, 0, 0, 0), 8),
    (v4(172, 16, 0, 0), 12),
    (v4(192, 168, 0, 0), 16),
    (v4(100, 64, 0, 0), 10),
    (v4(169, 254, 0, 0), 16),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d))
}

/// For an authority that is made for these names.
pub(super) fn of(names: &Names) -> NameConstraints {
    let subtree = |(address, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix));
    let own = names.iter().map(|name| match name {
        Name::Host(name) => GeneralSubtree::DnsName(name.clone()),
        Name::Address(address) => subtree((*address, if address.is_ipv4() { 32 } else { 128 })),
    });
    let permitted_subtrees = INSIDE.into_iter().map(subtree).chain(own).collect();
    NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() }
}

/// What an authority may vouch for. One without constraints may vouch for everything.
#[derive(Debug, Default)]
pub(super) struct Permitted {
    hosts: Option<Vec<String>>,
    networks: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Permitted {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut permitted = Self::default();
        let Ok(Some(constraints)) = certificate.name_constraints() else { return permitted };
        for subtree in constraints.value.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) => {
                    permitted.hosts.get_or_insert_default().push(name.trim_start_matches('.').to_ascii_lowercase());
                }
                GeneralName::IPAddress(bytes) => {
                    let (address, mask) = bytes.split_at(bytes.len() / 2);
                    permitted.networks.get_or_insert_default().push((address.to_vec(), mask.to_vec()));
                }
                _ => {}
            }
        }
        permitted
    }

    pub(super) fn allows(&self, name: &Name) -> bool {
        match name {
            Name::Host(name) => self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|host| is_below(name, host))),
            Name::Address(address) => {
                let bytes = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let holds = |(network, mask): &(Vec<u8>, Vec<u8>)| {
                    network.len() == bytes.len()
                        && bytes
                            .iter()
                            .zip(mask)
                            .zip(network)
                            .all(|((byte, mask), network)| byte & mask == network & mask)
                };
                self.networks.as_ref().is_none_or(|networks| networks.iter().any(holds))
            }
        }
    }
}

/// Whether a name is the host, or lies below it.
fn is_below(name: &str, host: &str) -> bool {
    name.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
