//! Requests that other sites make a browser send (W-09): a cookie goes with them, so what they may do is decided here.

use axum::http::{HeaderMap, header};

/// Whether a request of a browser comes from a page of this server. Browsers of today say so themselves
/// (`Sec-Fetch-Site`); older ones name the page's origin, which must be the host that was asked. A request that says
/// neither is refused: a page of ours never sends one.
pub(crate) fn same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (text(header::ORIGIN.as_str()), text(header::HOST.as_str())) else { return false };
    let asked = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    asked.is_some_and(|asked| asked.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn verdict(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        same_site(&headers)
    }

    #[test]
    fn w_09_only_pages_of_this_server_count() {
        assert!(verdict(&[("sec-fetch-site", "same-origin")]));
        assert!(verdict(&[("origin", "https://patch.example:8480"), ("host", "patch.example:8480")]));
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
