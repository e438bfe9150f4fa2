//! Personal tokens.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use patchwharf_db::accounts::{self, tokens};
use patchwharf_model::{
    AccountId, Role, TokenId,
    api::{Code, NewToken, Page, Token, TokenCreate, TokenQuery},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiError, ApiResult, Path, Shared,
    extract::{self, Query},
    page,
};
use crate::{
    access::{self, Principal},
    app::App,
};

const DAYS: u32 = 90;
const MOST_DAYS: u32 = 366;
/// Tokens that an account may have.
const MOST_TOKENS: usize = 50;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_of, create)).routes(routes!(revoke))
}

/// The own tokens that count.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(TokenQuery), responses((status = 200, body = Page<Token>)))]
async fn list_of(State(app): Shared, who: Principal, Query(query): Query<TokenQuery>) -> ApiResult<Json<Page<Token>>> {
    let (account, _) = of(&app, &who, query.account.as_deref()).await?;
    let rows = tokens::list(&app.db, account, app.clock.now()).await?;
    Ok(Json(page::whole(rows.into_iter().map(view).collect())))
}

/// The own tokens that count.
///
/// # Errors
/// Who asks has no account.
pub(crate) async fn list(app: Shared, who: Principal) -> ApiResult<Json<Page<Token>>> {
    list_of(app, who, Query(TokenQuery::default())).await
}

/// Whose tokens, and what they may do at most.
async fn of(app: &App, who: &Principal, account: Option<&str>) -> ApiResult<(AccountId, Role)> {
    let named = match account {
        Some(account) => Some(accounts::show(&app.db, account, app.clock.now()).await?),
        None => None,
    };
    match (who.account(), named) {
        (Some(own), None) => Ok((own, who.role)),
        (Some(own), Some(named)) if named.account_id == own => Ok((own, who.role)),
        (Some(_), Some(_)) => {
            Err(ApiError::new(Code::Forbidden, "Tokens of others are the data folder's holder's alone."))
        }
        (None, Some(named)) => Ok((named.account_id, named.role)),
        (None, None) => Err(ApiError::new(
            Code::InvalidQuery,
            "The token of the data folder is no account: name the one whose tokens are meant (`--account NAME`).",
        )),
    }
}

/// Makes a token; it is told this once. It may do at most what its maker may.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenCreate,
    responses((status = 201, body = NewToken), (status = 403, description = "`password-needed`, or a role above the maker's"),
        (status = 422, description = "`invalid-body`")))]
async fn create(
    State(app): Shared,
    who: Principal,
    extract::Json(wish): extract::Json<TokenCreate>,
) -> ApiResult<(StatusCode, Json<NewToken>)> {
    let (account, most) = of(&app, &who, wish.account.as_deref()).await?;
    let name = wish.name.trim();
    let days = wish.days.unwrap_or(DAYS);
    let bad = |detail: String| ApiError::new(Code::InvalidBody, detail);
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(bad("A token's `name` has 1 to 100 printable characters.".to_owned()));
    }
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(bad(format!("`days` is {days}; a token lasts 1 to {MOST_DAYS} days.")));
    }
    let role = wish.role.unwrap_or(most);
    if role > most {
        return Err(ApiError::new(
            Code::Forbidden,
            format!("A token of this account may be at most {most}, not {role}."),
        ));
    }
    let now = app.clock.now();
    if tokens::list(&app.db, account, now).await?.len() >= MOST_TOKENS {
        let detail = format!("This account has {MOST_TOKENS} tokens; take one back that nobody needs.");
        return Err(ApiError::new(Code::Conflict, detail));
    }
    let expires_at = now.checked_add(Duration::from_secs(u64::from(days) * 86_400)).map_err(ApiError::internal)?;
    let secret = patchwharf_trust::random_token().map_err(ApiError::internal)?;
    let mut write = who.write(&app).await?;
    let id = tokens::create(&mut write, account, name, role, access::digest(&secret), expires_at).await?;
    write.commit().await?;
    let token = Token { id, name: name.to_owned(), role, created_at: now, expires_at, used_at: None };
    Ok((StatusCode::CREATED, Json(NewToken { token, secret })))
}

/// Takes one of the own tokens back; the holder of the data folder, whosever it is.
#[utoipa::path(delete, path = "/tokens/{token}", tag = "tokens", params(("token" = TokenId, Path)),
    responses((status = 204), (status = 404, description = "No token of this account")))]
async fn revoke(State(app): Shared, who: Principal, Path(token): Path<TokenId>) -> ApiResult<StatusCode> {
    let mut write = who.write(&app).await?;
    if !tokens::revoke(&mut write, who.account(), token).await? {
        return Err(ApiError::new(Code::NotFound, "This account has no such token."));
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(row: tokens::Token) -> Token {
    Token {
        id: row.token_id,
        name: row.name,
        role: row.role,
        created_at: row.created_at,
        expires_at: row.expires_at,
        used_at: row.used_at,
    }
}
