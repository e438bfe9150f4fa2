//! `patchwharf user ...`, `patchwharf token ...`

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::{
    Role,
    api::{Account, AccountCreate, AccountPatch, Link, NewToken, Page, SignedOut, Token, TokenCreate, TokenQuery},
};

use super::{
    Found, Global,
    client::{Client, segment},
    output,
};
use crate::{token, words::count};

/// Who may sign in.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// All accounts.
    List,
    /// Add an account, and print the link that sets its password.
    Add {
        /// Its name.
        name: String,
        /// What it may do: auditor, operator or administrator.
        #[arg(long, default_value = "operator")]
        role: Role,
    },
    /// Print a link that sets an account's password, once, within 30 minutes.
    Link {
        /// The account.
        name: String,
    },
    /// Change what an account may do; its sessions end.
    Role {
        /// The account.
        name: String,
        /// auditor, operator or administrator.
        role: Role,
    },
    /// Let an account sign in again.
    Enable {
        /// The account.
        name: String,
    },
    /// Let an account sign in no more; its sessions end, its tokens do not count.
    Disable {
        /// The account.
        name: String,
    },
    /// End all sessions of an account and take its tokens back; its password stays.
    SignOut {
        /// The account.
        name: String,
    },
    /// Remove an account; what it did stays on the audit trail.
    Remove {
        /// The account.
        name: String,
    },
    /// Make a new administrator's token in the place of the old one.
    ///
    /// Whoever may write the data folder is the administrator: no password is asked. A running server takes the new token
    /// at once, and the old one is dead. The change is on the audit trail.
    Reset,
}

impl User {
    /// What needs no server.
    pub(super) fn offline(&self, global: &Global) -> Option<Result<Found>> {
        matches!(self, Self::Reset).then(|| {
            let path = token::reset(&global.data)?;
            output::line(&format!("a new administrator's token is in {path}; the old one is dead"))?;
            Ok(Found::Nothing)
        })
    }

    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List => list(client).await?,
            Self::Add { name, role } => {
                let made: Account = client.post("/accounts", &AccountCreate { name, role }).await?;
                output::note(&format!("account {} made, {}", made.name, made.role));
                link(client, &made.name).await?;
            }
            Self::Link { name } => link(client, &name).await?,
            Self::Role { name, role } => patch(client, &name, AccountPatch { role: Some(role), enabled: None }).await?,
            Self::Enable { name } => patch(client, &name, AccountPatch { role: None, enabled: Some(true) }).await?,
            Self::Disable { name } => patch(client, &name, AccountPatch { role: None, enabled: Some(false) }).await?,
            Self::SignOut { name } => {
                let ended: SignedOut = client.post(&format!("/accounts/{}/sign-out", segment(&name)), &()).await?;
                if client.json {
                    output::json(&ended)?;
                } else {
                    let (sessions, tokens) = (count(ended.sessions, "session"), count(ended.tokens, "token"));
                    output::note(&format!("account {name} signed out: {sessions} and {tokens} ended"));
                }
            }
            Self::Remove { name } => {
                let () = client.delete(&format!("/accounts/{}", segment(&name)), &()).await?;
                output::note(&format!("account {name} removed"));
            }
            Self::Reset => {}
        }
        Ok(Found::Nothing)
    }
}

async fn list(client: &Client) -> Result<()> {
    let page: Page<Account> = client.get("/accounts").await?;
    if client.json {
        return output::json(&page);
    }
    let rows = page.items.into_iter().map(|account| {
        [
            account.name,
            account.role.to_string(),
            output::yes(account.enabled),
            output::yes(account.has_password),
            output::time_or(account.signed_in_at, "never"),
            account.tokens.to_string(),
        ]
    });
    output::table(["account", "role", "enabled", "password", "last sign-in", "tokens"], rows)
}

async fn link(client: &Client, name: &str) -> Result<()> {
    let link: Link = client.post(&format!("/accounts/{}/link", segment(name)), &()).await?;
    if client.json {
        return output::json(&link);
    }
    output::note(&format!("this link sets the password of {name}, once, until {}:", output::time(link.expires_at)));
    output::line(&client.address(&link.path))
}

async fn patch(client: &Client, name: &str, change: AccountPatch) -> Result<()> {
    let account: Account = client.patch(&format!("/accounts/{}", segment(name)), &change).await?;
    let state = if account.enabled { "enabled" } else { "disabled" };
    output::note(&format!("account {} is {}, {state}", account.name, account.role));
    Ok(())
}

/// Tokens for scripts, each of an account and with its role at most.
///
/// Here the token of the data folder makes them for any account; on the console everybody makes their own.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// The tokens of an account that count.
    List {
        /// The account.
        #[arg(long)]
        account: String,
    },
    /// Make a token and print it, this once.
    Create {
        /// What it is for.
        name: String,
        /// The account that it acts for.
        #[arg(long)]
        account: String,
        /// What it may do; left out: what the account may.
        #[arg(long)]
        role: Option<Role>,
        /// Days until it ends, 1 to 366.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Take a token back.
    Revoke {
        /// Its id.
        id: String,
    },
}

impl Tokens {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List { account } => {
                let page: Page<Token> = client.find("/tokens", &TokenQuery { account: Some(account) }).await?;
                if client.json {
                    output::json(&page)?;
                } else {
                    let rows = page.items.into_iter().map(|token| {
                        let used = output::time_or(token.used_at, "never");
                        [token.id.to_string(), token.name, token.role.to_string(), output::time(token.expires_at), used]
                    });
                    output::table(["id", "token", "role", "ends", "last used"], rows)?;
                }
            }
            Self::Create { name, account, role, days } => {
                let made: NewToken =
                    client.post("/tokens", &TokenCreate { name, role, days, account: Some(account) }).await?;
                if client.json {
                    output::json(&made)?;
                } else {
                    output::note(&format!("token {} ends {}", made.token.name, output::time(made.token.expires_at)));
                    output::line(&made.secret)?;
                }
            }
            Self::Revoke { id } => {
                let () = client.delete(&format!("/tokens/{}", segment(&id)), &()).await?;
                output::note("token taken back");
            }
        }
        Ok(Found::Nothing)
    }
}
