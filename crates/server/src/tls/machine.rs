//! What this machine is called, and its addresses.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Stdio,
    time::Duration,
};

use super::name::{Name, Names};

/// How long the resolver of names may think.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a certificate is wanted for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) names: Names,
    /// Whether the full host name could be asked for. If not, what an earlier certificate was for still counts.
    pub(super) is_whole: bool,
}

/// The host's short name.
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase()
}

/// Names and addresses under which a server that listens there can be reached.
pub(super) async fn names(listen: SocketAddr, further: &[Name]) -> Wanted {
    let mut names: Names = further.iter().cloned().collect();
    let host = host_name();
    let full = full_names(&host).await;
    let is_whole = full.is_some();
    let hosts = ["localhost".to_owned(), host].into_iter().chain(full.unwrap_or_default());
    names.extend(hosts.filter_map(|host| host.parse().ok()));
    names.extend([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].map(Name::Address));
    match listen.ip().is_unspecified() {
        true => names.extend(addresses().into_iter().map(Name::Address)),
        false => _ = names.insert(Name::Address(listen.ip())),
    }
    Wanted { names, is_whole }
}

/// The full names of a host, as the machine's own resolver has them; none: it does not answer.
async fn full_names(host: &str) -> Option<Vec<String>> {
    let mut command = tokio::process::Command::new("getent");
    command.args(["hosts", "--", host]).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    Some(full(host, &String::from_utf8_lossy(&output.stdout)))
}

/// Lines of an address, a name, and further names: those that begin with the host's own.
fn full(host: &str, said: &str) -> Vec<String> {
    let short = host.split('.').next().unwrap_or(host);
    let words = said.lines().flat_map(|line| line.split_whitespace().skip(1));
    let is_own = |word: &&str| word.to_ascii_lowercase().strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    words.filter(is_own).map(str::to_owned).collect()
}

/// The machine's addresses that others can reach. What the kernel does not tell is left out.
fn addresses() -> BTreeSet<IpAddr> {
    let v4 = fs::read_to_string("/proc/net/fib_trie").map(|text| local_v4(&text)).unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/if_inet6").map(|text| local_v6(&text)).unwrap_or_default();
    v4.into_iter().map(IpAddr::V4).chain(v6.into_iter().map(IpAddr::V6)).collect()
}

/// `|-- 192.0.2.7` with `/32 host LOCAL` in the line after it.
fn local_v4(text: &str) -> Vec<Ipv4Addr> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[1] == "/32 host LOCAL");
    let found = pairs.filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse().ok());
    found.filter(|address: &Ipv4Addr| !address.is_loopback()).collect()
}

/// 32 hexadecimal digits first in each line.
fn local_v6(text: &str) -> Vec<Ipv6Addr> {
    let first = text.lines().filter_map(|line| line.split_whitespace().next());
    let found = first.filter_map(|digits| u128::from_str_radix(digits, 16).ok()).map(Ipv6Addr::from);
    found.filter(|address| !address.is_loopback() && !address.is_unicast_link_local()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_are_those_that_begin_with_the_host() {
        let said = "127.0.1.1 wharf.example.org wharf\n192.0.2.7  other.example.org wharf.lan wharfs.lan\n";
        assert_eq!(full("wharf", said), ["wharf.example.org", "wharf.lan"]);
        assert_eq!(full("wharf", ""), Vec::<String>::new());
    }

    #[test]
    fn addresses_are_read_as_the_kernel_lists_them() {
        let trie = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.0\n        \
                    /24 link UNICAST\n     |-- 192.0.2.7\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        assert_eq!(local_v4(trie), [Ipv4Addr::new(192, 0, 2, 7)]);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
                  20010db8000000000000000000000007 02 40 00 80     eth0\nfe800000000000000000000000000001 02 40 20 80     eth0\n";
        assert_eq!(local_v6(v6), ["2001:db8::7".parse::<Ipv6Addr>().unwrap_or(Ipv6Addr::LOCALHOST)]);
    }
}
