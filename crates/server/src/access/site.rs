//! Requests that other sites make a browser send (W-09): a cookie goes with them, so what they may do is decided here.

use std::{net::IpAddr, sync::OnceLock};

use axum::http::{HeaderMap, header};

use patchwharf_model::SessionId;

use super::{Principal, attempts::Key};
use crate::app::App;

/// Whether a request of a browser comes from a page of this server. Browsers of today say so themselves
/// (`Sec-Fetch-Site`), at least over TLS; others name the page's origin, which must be the host that was asked, and that
/// host one of this server's, over TLS where it speaks TLS: an address, this machine's name, or one of `console.hosts`. A request that says neither is
/// refused: a page of ours never sends one.
pub(crate) fn same_site(app: &App, headers: &HeaderMap) -> bool {
    is_same_site(&app.config.console.hosts, app.config.browsers_speak_tls(), headers)
}

/// Puts a refused change on the audit trail, under the name whose cookie came with it: the first, and then fewer and fewer.
pub(crate) async fn note_refusal(app: &App, who: &Principal, session: SessionId, route: &str) {
    let Ok(attempt) = app.attempts.begin(&[Key::Site(session)], app.clock.instant()) else { return };
    let Some(number) = attempt.is_told() else { return };
    let noted = async {
        let mut write = who.write(app).await?;
        let after = format!("{}: another site asked for {route}, {number} of late", who.name);
        write.audit("session.cross-site", format!("session {session}"), None, Some(after));
        write.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, "a change that another site asked for could not be put on the audit trail");
    }
}

fn is_same_site(hosts: &[String], tls: bool, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (text(header::ORIGIN.as_str()), text(header::HOST.as_str())) else { return false };
    // Under TLS somebody on the line could show a page of the same host without it.
    let asked = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://").filter(|_| !tls));
    asked.is_some_and(|asked| asked.eq_ignore_ascii_case(host)) && is_ours(hosts, name_of(host))
}

/// Whether a host is this server: nobody else's page has an address, or this machine's name, as its own.
fn is_ours(hosts: &[String], host: &str) -> bool {
    let mut ours = hosts.iter().map(String::as_str).chain(["localhost", machine()]);
    host.parse::<IpAddr>().is_ok() || ours.any(|own| !own.is_empty() && own.eq_ignore_ascii_case(host))
}

/// Whether a host is this machine as it calls itself: what a page of somebody else that has turned its name to this
/// machine cannot send.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback())
}

/// A host without its port and brackets.
fn name_of(host: &str) -> &str {
    if let Some((name, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return name;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// This machine's name.
fn machine() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn verdict(pairs: &[(&'static str, &str)]) -> bool {
        judged(false, pairs)
    }

    fn judged(tls: bool, pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_same_site(&["patch.example".to_owned()], tls, &headers)
    }

    #[test]
    fn this_machine_is_known_by_its_loopback_names() {
        for own in ["localhost", "LOCALHOST:8480", "127.0.0.1", "127.0.0.1:8480", "127.8.8.8", "[::1]", "[::1]:8480"] {
            assert!(is_loopback_name(own), "{own}");
        }
        for other in ["", "evil.example", "evil.example:8480", "localhost.evil.example", "192.0.2.1", "[2001:db8::1]:1"]
        {
            assert!(!is_loopback_name(other), "{other}");
        }
    }

    #[test]
    fn w_09_only_pages_of_this_server_count() {
        assert!(verdict(&[("sec-fetch-site", "same-origin")]));
        assert!(verdict(&[("origin", "https://patch.example:8480"), ("host", "patch.example:8480")]));
        assert!(verdict(&[("origin", "http://192.0.2.1:8480"), ("host", "192.0.2.1:8480")]));
        assert!(verdict(&[("origin", "http://[2001:db8::1]:8480"), ("host", "[2001:db8::1]:8480")]));
        assert!(verdict(&[("origin", "http://localhost:8480"), ("host", "localhost:8480")]));
        assert!(verdict(&[("origin", &format!("http://{}", machine())), ("host", machine())]));
        let plain = [("origin", "http://patch.example:8480"), ("host", "patch.example:8480")];
        assert!(verdict(&plain) && !judged(true, &plain), "a page without TLS of a server with TLS is none of ours");
        assert!(judged(true, &[("origin", "https://patch.example:8480"), ("host", "patch.example:8480")]));
        for refused in [
            &[("origin", "https://evil.example"), ("host", "evil.example")][..],
            &[("origin", "https://evil.example:8480"), ("host", "evil.example:8480")],
        ] {
            assert!(!verdict(refused), "a name that is not this server's: {refused:?}");
        }
        for refused in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://h"), ("host", "h")],
            &[("origin", "https://evil.example"), ("host", "patch.example")],
            &[("origin", "null"), ("host", "patch.example")],
            &[("origin", "https://patch.example"), ("host", "patch.example:8480")],
            &[("host", "patch.example")],
            &[],
        ] {
            assert!(!verdict(refused), "{refused:?}");
        }
    }
}
