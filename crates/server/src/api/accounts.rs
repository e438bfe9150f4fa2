//! Who may sign in.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use patchwharf_db::accounts;
use patchwharf_model::{
    account::account_name,
    api::{Account, AccountCreate, AccountPatch, Code, Link, Page, SignedOut},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiResult, Path, Shared, extract, page};
use crate::{
    access::{Principal, links},
    app::App,
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(patch, remove))
        .routes(routes!(link))
        .routes(routes!(sign_out))
}

/// All accounts, by name.
#[utoipa::path(get, path = "/accounts", tag = "accounts", responses((status = 200, body = Page<Account>)))]
pub(crate) async fn list(State(app): Shared) -> ApiResult<Json<Page<Account>>> {
    let rows = accounts::list(&app.db, app.clock.now()).await?;
    Ok(Json(page::whole(rows.into_iter().map(view).collect())))
}

/// Makes an account. It has no password: make a link for it, and give that to whom it is for.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = AccountCreate,
    responses((status = 201, body = Account), (status = 403, description = "`password-needed`"),
        (status = 409, description = "`name-taken`")))]
async fn create(
    State(app): Shared,
    who: Principal,
    extract::Json(wish): extract::Json<AccountCreate>,
) -> ApiResult<(StatusCode, Json<Account>)> {
    let name = account_name(&wish.name).map_err(|error| ApiError::new(Code::InvalidBody, error.to_string()))?;
    let mut write = who.write(&app).await?;
    let id = accounts::create(&mut write, &name, wish.role)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::NameTaken))?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view(accounts::show(&app.db, &id.to_string(), app.clock.now()).await?))))
}

/// Changes what an account may do, or whether it may sign in; its sessions end. The last administrator stays one.
#[utoipa::path(patch, path = "/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    request_body = AccountPatch, responses((status = 200, body = Account), (status = 403, description = "`password-needed`"),
        (status = 409, description = "`conflict`")))]
async fn patch(
    State(app): Shared,
    who: Principal,
    Path(account): Path<String>,
    extract::Json(wish): extract::Json<AccountPatch>,
) -> ApiResult<Json<Account>> {
    let id = accounts::show(&app.db, &account, app.clock.now()).await?.account_id;
    let mut write = who.write(&app).await?;
    if let Some(role) = wish.role {
        accounts::set_role(&mut write, id, role).await?;
    }
    if let Some(enabled) = wish.enabled {
        accounts::set_enabled(&mut write, id, enabled).await?;
    }
    write.commit().await?;
    Ok(Json(view(accounts::show(&app.db, &id.to_string(), app.clock.now()).await?)))
}

/// Removes an account with its sessions and tokens. What it did stays on the audit trail.
#[utoipa::path(delete, path = "/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    responses((status = 204), (status = 403, description = "`password-needed`"),
        (status = 409, description = "`conflict`: the last administrator")))]
async fn remove(State(app): Shared, who: Principal, Path(account): Path<String>) -> ApiResult<StatusCode> {
    let id = accounts::show(&app.db, &account, app.clock.now()).await?.account_id;
    let mut write = who.write(&app).await?;
    accounts::remove(&mut write, id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a link by which the account's password is set, once and within 30 minutes. The password of now counts until then.
#[utoipa::path(post, path = "/accounts/{account}/link", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, body = Link), (status = 403, description = "`password-needed`")))]
async fn link(State(app): Shared, who: Principal, Path(account): Path<String>) -> ApiResult<Json<Link>> {
    let id = accounts::show(&app.db, &account, app.clock.now()).await?.account_id;
    Ok(Json(links::make(&app, Some(id), (&who.name, &who.source)).await?))
}

/// Ends all sessions of an account and takes its tokens back, its links too; browsers that it was known by are strangers.
/// Its password stays: make a link to have that changed.
#[utoipa::path(post, path = "/accounts/{account}/sign-out", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, body = SignedOut), (status = 403, description = "`password-needed`")))]
async fn sign_out(State(app): Shared, who: Principal, Path(account): Path<String>) -> ApiResult<Json<SignedOut>> {
    let id = accounts::show(&app.db, &account, app.clock.now()).await?.account_id;
    let mut write = who.write(&app).await?;
    let (sessions, tokens) = accounts::sign_out(&mut write, id).await?;
    write.commit().await?;
    Ok(Json(SignedOut { sessions, tokens }))
}

fn view(row: accounts::Account) -> Account {
    Account {
        id: row.account_id,
        name: row.name,
        role: row.role,
        enabled: row.enabled,
        has_password: row.has_password,
        created_at: row.created_at,
        signed_in_at: row.signed_in_at,
        sessions: row.sessions,
        tokens: row.tokens,
    }
}
