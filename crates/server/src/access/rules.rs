//! Which role each operation wants. A new operation without a line here is the administrator's alone, and fails a test.

use axum::http::Method;
use patchwharf_model::{Role, job::JobKind};

use Wants::{Confirmed, Nothing, Person, Role as At};

/// What an operation wants of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Nothing: it proves by itself who asks, or tells nothing.
    Nothing,
    /// At least this role.
    Role(Role),
    /// At least this role, in a session or by the token of the data folder: a personal token cannot make itself last
    /// longer, or reach further, than it was made for.
    Person(Role),
    /// The same, with the password given a moment ago: an open session must not be enough to take an account over.
    Confirmed(Role),
}

const READ: Wants = At(Role::Auditor);
const STAGE: Wants = At(Role::Operator);
const ALL: Wants = At(Role::Administrator);
const OWN: Wants = Person(Role::Auditor);
const ADMIT: Wants = Confirmed(Role::Administrator);

/// Operations by method and route.
const RULES: &[(&str, &str, Wants)] = &[
    ("GET", "/healthz", Nothing),
    ("GET", "/metrics", READ),
    ("GET", "/packages/{package}/{version}/{file}", READ),
    ("GET", "/api/openapi.json", READ),
    ("GET", "/api/v1/audit", READ),
    ("GET", "/api/v1/audit/chain", READ),
    ("GET", "/api/v1/bulletins", READ),
    ("GET", "/api/v1/bulletins/{bulletin}", READ),
    ("GET", "/api/v1/bulletins/{bulletin}/refers", READ),
    ("GET", "/api/v1/feeds", READ),
    ("GET", "/api/v1/feeds/{feed}", READ),
    ("GET", "/api/v1/feeds/{feed}/removal", READ),
    ("GET", "/api/v1/jobs", READ),
    ("GET", "/api/v1/jobs/{job}", READ),
    ("GET", "/api/v1/jobs/{job}/events", READ),
    ("GET", "/api/v1/jobs/{job}/findings", READ),
    ("GET", "/api/v1/jobs/{job}/items", READ),
    ("GET", "/api/v1/locations", READ),
    ("GET", "/api/v1/logs", READ),
    ("GET", "/api/v1/logs/download", READ),
    ("GET", "/api/v1/logs/events", READ),
    ("GET", "/api/v1/notifications", READ),
    ("GET", "/api/v1/packages", READ),
    ("GET", "/api/v1/packages/{package}", READ),
    ("GET", "/api/v1/packages/{package}/refers", READ),
    ("GET", "/api/v1/policies", READ),
    ("GET", "/api/v1/policies/{policy}", READ),
    ("GET", "/api/v1/policies/{policy}/switches", READ),
    ("GET", "/api/v1/settings", READ),
    ("GET", "/api/v1/store", READ),
    ("GET", "/api/v1/store/history", READ),
    ("GET", "/api/v1/updates/{update}", READ),
    // What only looks, although it is a POST.
    ("POST", "/api/v1/bulletins/preview", READ),
    ("POST", "/api/v1/locations/{location}/prune/preview", READ),
    ("POST", "/api/v1/packages/delete/preview", READ),
    // Stage, refresh, distribute.
    ("POST", "/api/v1/bulletins/disable", STAGE),
    ("POST", "/api/v1/bulletins/enable", STAGE),
    ("POST", "/api/v1/bulletins/recreate", STAGE),
    ("POST", "/api/v1/bulletins/refresh", STAGE),
    ("POST", "/api/v1/bulletins/severity", STAGE),
    ("POST", "/api/v1/bulletins/stage", STAGE),
    ("POST", "/api/v1/feeds/{feed}/import", STAGE),
    ("POST", "/api/v1/jobs/{job}/cancel", STAGE),
    ("POST", "/api/v1/jobs/{job}/pause", STAGE),
    ("POST", "/api/v1/jobs/{job}/resume", STAGE),
    ("POST", "/api/v1/packages/verify", STAGE),
    ("POST", "/api/v1/policies", STAGE),
    ("PATCH", "/api/v1/policies/{policy}", STAGE),
    ("POST", "/api/v1/policies/{policy}/accept", STAGE),
    ("POST", "/api/v1/policies/{policy}/recreate", STAGE),
    ("POST", "/api/v1/policies/{policy}/remove", STAGE),
    ("POST", "/api/v1/policies/{policy}/switches", STAGE),
    ("POST", "/api/v1/store/download", STAGE),
    ("POST", "/api/v1/store/revise", STAGE),
    // What deletes, moves, trusts or sets.
    ("POST", "/api/v1/backups", ALL),
    ("POST", "/api/v1/feeds", ALL),
    ("PATCH", "/api/v1/feeds/{feed}", ALL),
    ("DELETE", "/api/v1/feeds/{feed}", ALL),
    // A job that fetches the whole catalogue, for whoever may set the rules.
    ("POST", "/api/v1/feeds/{feed}/preview", ALL),
    ("POST", "/api/v1/locations", ALL),
    ("POST", "/api/v1/locations/adopt", ALL),
    ("POST", "/api/v1/locations/relocate", ALL),
    ("DELETE", "/api/v1/locations/{location}", ALL),
    ("POST", "/api/v1/locations/{location}/prune", ALL),
    ("POST", "/api/v1/locations/{location}/undo", ALL),
    ("POST", "/api/v1/notifications/test", ALL),
    ("POST", "/api/v1/packages/delete", ALL),
    ("DELETE", "/api/v1/policies/{policy}", ALL),
    ("PUT", "/api/v1/settings/{name}", ALL),
    ("POST", "/api/v1/store/delete-unused", ALL),
    ("POST", "/api/v1/store/integrity-check", ALL),
    ("POST", "/api/v1/store/reconcile", ALL),
    ("POST", "/api/v1/updates/{update}/supply", ALL),
    // Signing in, and what is one's own.
    ("POST", "/api/v1/session", Nothing),
    ("POST", "/api/v1/session/link", Nothing),
    ("POST", "/api/v1/session/set-up", Nothing),
    ("GET", "/api/v1/session", READ),
    ("DELETE", "/api/v1/session", OWN),
    ("POST", "/api/v1/session/confirm", OWN),
    ("PUT", "/api/v1/session/password", OWN),
    ("GET", "/api/v1/sessions", OWN),
    ("DELETE", "/api/v1/sessions/{session}", OWN),
    ("GET", "/api/v1/tokens", OWN),
    ("POST", "/api/v1/tokens", Confirmed(Role::Auditor)),
    ("DELETE", "/api/v1/tokens/{token}", OWN),
    ("GET", "/api/v1/views", OWN),
    ("PUT", "/api/v1/views/{place}/{name}", OWN),
    ("DELETE", "/api/v1/views/{place}/{name}", OWN),
    // Who else may sign in.
    ("GET", "/api/v1/accounts", ALL),
    ("POST", "/api/v1/accounts", ADMIT),
    ("PATCH", "/api/v1/accounts/{account}", ADMIT),
    ("DELETE", "/api/v1/accounts/{account}", ADMIT),
    ("POST", "/api/v1/accounts/{account}/link", ADMIT),
    ("POST", "/api/v1/accounts/{account}/sign-out", ADMIT),
];

/// The role that starts jobs of a kind, and so stops them.
pub(crate) fn of_job(kind: JobKind) -> Role {
    use JobKind::{
        Adopt, Backup, Delete, DeleteUnused, Download, Import, IntegrityCheck, Preview, Prune, Reconcile, Recreate,
        RefreshComplete, RefreshQuick, Relocate, Revise, Stage, Supply, UndoRelocation, Verify,
    };
    match kind {
        Import | Stage | Download | Revise | Verify | RefreshQuick | RefreshComplete | Recreate => Role::Operator,
        Preview | Supply | Delete | DeleteUnused | Reconcile | IntegrityCheck | Relocate | UndoRelocation | Prune
        | Adopt | Backup => Role::Administrator,
    }
}

/// Whether an operation may change who may do what: those who follow are looked at again afterwards.
pub(crate) fn may_end_access(method: &Method, route: &str) -> bool {
    let about = ["/api/v1/session", "/api/v1/tokens", "/api/v1/accounts"];
    !matches!(*method, Method::GET | Method::HEAD) && about.iter().any(|about| route.starts_with(about))
}

/// What an operation wants; none: it has no rule. A HEAD is answered by GET. Pages of the console all read, but for the
/// ones that let somebody in.
pub(crate) fn wants(method: &Method, route: &str) -> Option<Wants> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    if let Some(page) = route.strip_prefix("/console").filter(|_| method == "GET") {
        let open = matches!(page, "/sign-in" | "/set-up") || page.starts_with("/assets/");
        return Some(if open { Nothing } else { READ });
    }
    if route == "/" && method == "GET" {
        return Some(Nothing);
    }
    RULES.iter().find(|(m, r, _)| *m == method && *r == route).map(|(_, _, wants)| *wants)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every operation that the API describes.
    fn operations() -> BTreeSet<(String, String)> {
        let document = serde_json::to_value(crate::api::document()).unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, methods)| {
                methods.as_object().into_iter().flatten().map(|(method, _)| (method.to_uppercase(), path.clone()))
            })
            .chain([("GET".to_owned(), "/api/openapi.json".to_owned())])
            .collect()
    }

    #[test]
    fn w_01_every_operation_has_one_rule_and_every_rule_an_operation() {
        let ruled: Vec<_> = RULES.iter().map(|(m, r, _)| ((*m).to_owned(), (*r).to_owned())).collect();
        let once: BTreeSet<_> = ruled.iter().cloned().collect();
        assert_eq!(ruled.len(), once.len(), "a rule stands twice");
        let operations = operations();
        let without: Vec<_> = operations.difference(&once).collect();
        let idle: Vec<_> = once.difference(&operations).collect();
        assert!(without.is_empty(), "operations without a rule in access/rules.rs: {without:?}");
        assert!(idle.is_empty(), "rules for what does not exist: {idle:?}");
    }

    #[test]
    fn w_02_what_changes_something_is_not_for_auditors() {
        let own = ["/api/v1/session", "/api/v1/tokens", "/api/v1/views"];
        let looks = [
            "/api/v1/bulletins/preview",
            "/api/v1/locations/{location}/prune/preview",
            "/api/v1/packages/delete/preview",
        ];
        for (method, route, wants) in RULES {
            let harmless = *method == "GET" || looks.contains(route) || own.iter().any(|own| route.starts_with(own));
            assert!(
                harmless || !matches!(wants, At(Role::Auditor) | Person(Role::Auditor) | Nothing),
                "{method} {route}"
            );
        }
    }

    #[test]
    fn w_21_no_token_makes_tokens_or_accounts() {
        let own = ["/api/v1/session/", "/api/v1/sessions", "/api/v1/tokens", "/api/v1/accounts", "/api/v1/views"];
        for (method, route, wants) in RULES.iter().filter(|(_, _, wants)| *wants != Nothing) {
            let about =
                own.iter().any(|own| route.starts_with(own)) || (*method, *route) == ("DELETE", "/api/v1/session");
            let reads = (*method, *route) == ("GET", "/api/v1/accounts");
            assert_eq!(matches!(wants, Person(_) | Confirmed(_)), about && !reads, "{method} {route}");
        }
    }

    #[test]
    fn what_has_no_rule_is_refused() {
        assert_eq!(wants(&Method::POST, "/console/bulletins"), None);
        assert_eq!(wants(&Method::GET, "/api/v1/nothing"), None);
        assert_eq!(wants(&Method::HEAD, "/api/v1/jobs"), Some(READ));
        assert_eq!(wants(&Method::GET, "/console/sign-in"), Some(Nothing));
        assert_eq!(wants(&Method::GET, "/console/sign-in/x"), Some(READ));
    }
}
