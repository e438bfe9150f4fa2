//! The own account, and who else may sign in.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::{
    Role, Timestamp,
    api::{Account, Session, Token},
};

use super::{
    page,
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, accounts, session, tokens},
};

#[derive(Template)]
#[template(path = "account.html")]
struct Show {
    shell: Shell,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    accounts: Vec<Account>,
}

impl Show {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "never")
    }

    fn roles(&self) -> &'static [Role] {
        Role::ALL
    }
}

/// The page.
pub(super) async fn show(State(app): Shared, who: Principal) -> ApiResult<Response> {
    let state = || State(Arc::clone(&app));
    let (mut sessions, mut mine, mut all) = (Vec::new(), Vec::new(), Vec::new());
    if who.account().is_some() {
        sessions = session::list(state(), who.clone()).await?.0.items;
        mine = tokens::list(state(), who.clone()).await?.0.items;
    }
    if who.role == Role::Administrator {
        all = accounts::list(state()).await?.0.items;
    }
    page::html(&Show {
        shell: Shell::new(who, "/console/account", "account.js"),
        sessions,
        tokens: mine,
        accounts: all,
    })
}
