//! Links by which a password is set: the secret stands after `#`, which no server and no log ever sees.

use std::time::Duration;

use patchwharf_db::accounts::links;
use patchwharf_model::{AccountId, api::Link};

use super::digest;
use crate::{
    api::{ApiError, ApiResult},
    app::App,
};

/// How long a link works.
const WORKS: Duration = Duration::from_secs(30 * 60);
/// Where the page is.
const PAGE: &str = "/console/set-up";

/// Makes a link; those before it are dead. Without an account: the one that makes the first administrator.
///
/// # Errors
/// The database failed.
pub(crate) async fn make(app: &App, account: Option<AccountId>, (actor, source): (&str, &str)) -> ApiResult<Link> {
    let secret = patchwharf_trust::random_token().map_err(ApiError::internal)?;
    let now = app.clock.now();
    let expires_at = now.checked_add(WORKS).map_err(ApiError::internal)?;
    let mut write = app.db.write(actor, source, now).await?;
    links::make(&mut write, account, digest(&secret), expires_at).await?;
    write.commit().await?;
    Ok(Link { path: format!("{PAGE}#{secret}"), expires_at })
}
