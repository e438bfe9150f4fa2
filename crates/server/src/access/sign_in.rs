//! Signing in, by password or by a link that sets one.

use std::{net::IpAddr, time::Duration};

use axum::http::{HeaderMap, header};
use patchwharf_db::{
    Write,
    accounts::{self, Credentials, links, sessions, tokens},
};
use patchwharf_model::{
    AccountId, Role, SessionId,
    account::account_name,
    api::{Code, SetUp, SignIn},
};

use super::{
    Cookies, Principal,
    attempts::{Attempt, Key},
    client_address, digest, first, passwords,
    principal::lasts,
    source_of,
};
use crate::{
    api::{ApiError, ApiResult},
    app::App,
};

/// Who wants to sign in: from where, with which program, from which browser.
#[derive(Clone, Debug)]
pub(crate) struct From {
    source: String,
    agent: String,
    device: Option<String>,
}

/// What a sign-in gives.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// Who.
    pub(crate) principal: Principal,
    /// The session's secret, for its cookie.
    pub(crate) session: String,
    /// The browser's secret, for its cookie.
    pub(crate) device: String,
}

impl From {
    pub(crate) fn of(app: &App, peer: IpAddr, headers: &HeaderMap) -> Self {
        let address = client_address(&app.config.console.trusted_proxies, peer, headers);
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            source: source_of(address),
            agent: agent.chars().take(200).collect(),
            device: Cookies::of(headers).device(app),
        }
    }
}

/// By name and password.
///
/// # Errors
/// `sign-in-failed`, the same whatever was wrong; `too-many-attempts`.
pub(crate) async fn by_password(app: &App, wish: SignIn, from: &From) -> ApiResult<SignedIn> {
    let name = as_kept(&wish.name);
    let found = accounts::credentials(&app.db, &name).await?;
    let is_known = known_browser(app, found.as_ref(), from).await?;
    let keys = match &from.device {
        Some(device) if is_known => vec![Key::Device(device.clone())],
        _ => vec![Key::Account(name.clone()), Key::Source(from.source.clone())],
    };
    let waits = |why: &str| {
        app.metrics.sign_ins_refused.inc();
        if app.attempts.may_log(app.clock.instant()) {
            tracing::warn!(source = %from.source, "a sign-in has to wait: {why}");
        }
    };
    let place = if is_known { passwords::known() } else { passwords::stranger() };
    let place = place.inspect_err(|_| waits("too many are under way"))?;
    let attempt = app.attempts.begin(&keys, app.clock.instant()).map_err(|wait| {
        waits("too many attempts failed");
        wait_first(wait)
    })?;
    let known = found.as_ref().map(|account| (account.account_id, account.name.clone()));
    let hash = found.as_ref().map(|account| account.password.clone());
    let fits = passwords::fits(&app.metrics, place, wish.password, hash).await?;
    match found {
        Some(account) if fits && account.enabled => {
            app.attempts.forgive(attempt);
            begin(app, (account.account_id, account.name, account.role), from).await
        }
        _ => {
            let name = known.as_ref().map_or("one that does not exist", |(_, name)| name);
            app.metrics.sign_ins_refused.inc();
            if attempt.is_told().is_some() && app.attempts.may_log(app.clock.instant()) {
                tracing::warn!(source = %from.source, account = name, "a sign-in failed");
            }
            note_failure(app, &attempt, known.as_ref().map(|(id, name)| (*id, name.as_str())), from).await;
            Err(ApiError::new(Code::SignInFailed, "Name or password is wrong, or the account is disabled."))
        }
    }
}

/// A name as accounts have it, also one that could not be chosen today. Nothing longer is ever looked for.
fn as_kept(text: &str) -> String {
    let name = text.trim();
    if name.len() <= 4 * 64 { name.to_lowercase() } else { String::new() }
}

/// Failures go on the audit trail: the first, and then whenever their number has doubled, so that guesses do not flood it.
/// What somebody typed as a name is not repeated: it may be a password.
async fn note_failure(app: &App, attempt: &Attempt, account: Option<(AccountId, &str)>, from: &From) {
    let Some(count) = attempt.is_told().filter(|_| app.attempts.may_tell(app.clock.instant())) else { return };
    let (object, name) = match account {
        Some((id, name)) => (format!("account {id}"), name),
        None => ("account".to_owned(), "an account that does not exist"),
    };
    let noted = async {
        let mut write = app.db.write("nobody", &format!("sign-in {}", from.source), app.clock.now()).await?;
        let times = crate::words::count(count.into(), "failure");
        write.audit("sign-in.failed", object, None, Some(format!("{name}: {times} of late")));
        write.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, "a failed sign-in could not be put on the audit trail");
    }
}

/// Whether the account knows this browser. One that does not exist knows none, and that is asked of the database, too.
async fn known_browser(app: &App, found: Option<&Credentials>, from: &From) -> ApiResult<bool> {
    let Some(device) = &from.device else { return Ok(false) };
    let account = found.map_or_else(AccountId::new, |account| account.account_id);
    Ok(sessions::knows(&app.db, account, digest(device)).await?)
}

/// Whether somebody who is signed in knows the password: a session that was left open must not be enough to take the
/// account over.
///
/// # Errors
/// `sign-in-failed`, `too-many-attempts`.
pub(crate) async fn own_password(app: &App, session: SessionId, name: &str, password: String) -> ApiResult<()> {
    // Who finds no place was not looked at, and has not failed.
    let place = passwords::known()?;
    let attempt = app.attempts.begin(&[Key::Session(session)], app.clock.instant()).map_err(wait_first)?;
    let found = accounts::credentials(&app.db, name).await?;
    if !passwords::fits(&app.metrics, place, password, found.map(|account| account.password)).await? {
        return Err(ApiError::new(Code::SignInFailed, "The current password is another one."));
    }
    app.attempts.forgive(attempt);
    Ok(())
}

fn wait_first(wait: Duration) -> ApiError {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    ApiError::new(
        Code::TooManyAttempts,
        format!(
            "Too many attempts failed. Wait {seconds} seconds. Whoever holds the server's data folder can make a new \
             password at any time: `patchwharf user link NAME`."
        ),
    )
    .retry_after(seconds)
}

/// By a link: sets the password, then signs in.
///
/// # Errors
/// `link-dead`, `weak-password`; then the link still works.
pub(crate) async fn by_link(app: &App, wish: SetUp, from: &From) -> ApiResult<SignedIn> {
    let now = app.clock.now();
    let link = links::look(&app.db, digest(&wish.link), now).await?.ok_or_else(dead)?;
    let name = match (&link.name, &wish.name) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => {
            account_name(name).map_err(|error| ApiError::new(Code::InvalidBody, error.to_string()))?
        }
        (None, None) => return Err(ApiError::new(Code::InvalidBody, "The first administrator needs a name.")),
    };
    let hash = passwords::hash(&app.metrics, &name, wish.password).await?;
    let mut write = app.db.write(&name, &format!("set-up link {}", from.source), now).await?;
    let of = links::take(&mut write, digest(&wish.link)).await?.ok_or_else(dead)?;
    let account = match of {
        Some(account) => account,
        None => accounts::create(&mut write, &name, Role::Administrator)
            .await
            .map_err(|error| ApiError::from(error).refused_as(Code::NameTaken))?,
    };
    accounts::set_password(&mut write, account, &hash).await?;
    // A password is reset because somebody else may have got in: what they have made for themselves goes with it.
    tokens::revoke_all(&mut write, account).await?;
    write.commit().await?;
    app.streams.look_again();
    first::used(app).await;
    let found = accounts::credentials(&app.db, &name).await?.filter(|account| account.enabled);
    let found =
        found.ok_or_else(|| ApiError::new(Code::Conflict, "The password is set, but the account is disabled."))?;
    tracing::info!(account = %name, "a password was set by a link");
    begin(app, (found.account_id, found.name, found.role), from).await
}

/// The refusal of a link.
pub(crate) fn dead() -> ApiError {
    ApiError::new(
        Code::LinkDead,
        "The link does not work: it was used, or its 30 minutes are over. `patchwharf user link` makes a new one, on the \
         server; before there is an account, a restart of the server does too.",
    )
}

/// Sets the own password, and begins a session anew: whoever has a copy of the cookie is out with everybody else.
///
/// # Errors
/// `weak-password`.
pub(crate) async fn with_new_password(
    app: &App,
    who: &Principal,
    account: AccountId,
    password: String,
    from: &From,
) -> ApiResult<SignedIn> {
    let hash = passwords::hash(&app.metrics, &who.name, password).await?;
    let mut write = who.write(app).await?;
    accounts::set_password(&mut write, account, &hash).await?;
    begin_in(write, app, (account, who.name.clone(), who.role), from).await
}

/// Gives the session of a request another secret, for its cookie.
///
/// # Errors
/// `conflict`: another request has done so meanwhile.
pub(crate) async fn renewed(app: &App, session: SessionId, headers: &HeaderMap) -> ApiResult<String> {
    let before = Cookies::of(headers).session(app).unwrap_or_default();
    let secret = patchwharf_trust::random_token().map_err(ApiError::internal)?;
    let mut write = app.db.write("server", "api", app.clock.now()).await?;
    if !sessions::renew(&mut write, session, digest(&before), digest(&secret)).await? {
        return Err(ApiError::new(Code::Conflict, "The password was given twice at the same time. Give it once more."));
    }
    write.commit().await?;
    Ok(secret)
}

/// Begins a session, always a new one.
async fn begin(app: &App, of: (AccountId, String, Role), from: &From) -> ApiResult<SignedIn> {
    let write = app.db.write(&of.1, &format!("sign-in {}", from.source), app.clock.now()).await?;
    begin_in(write, app, of, from).await
}

/// The same with what else the transaction does.
async fn begin_in(
    mut write: Write<'_>,
    app: &App,
    (account, name, role): (AccountId, String, Role),
    from: &From,
) -> ApiResult<SignedIn> {
    let session = patchwharf_trust::random_token().map_err(ApiError::internal)?;
    let device = patchwharf_trust::random_token().map_err(ApiError::internal)?;
    let facts = (from.source.as_str(), from.agent.as_str());
    let id = sessions::begin(&mut write, account, digest(&session), lasts(app), facts).await?;
    sessions::remember(&mut write, account, digest(&device)).await?;
    write.commit().await?;
    tracing::info!(account = %name, source = %from.source, "signed in");
    Ok(SignedIn { principal: Principal::signed_in(name, role, account, id), session, device })
}
