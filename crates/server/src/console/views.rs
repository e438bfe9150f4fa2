//! Saved views as the tables' pages offer them.

use patchwharf_model::api::{View, ViewPlace};

use crate::{
    access::Principal,
    api::{ApiResult, views},
    app::App,
};

/// Those of who asks for one table; who has no account has none.
///
/// # Errors
/// The database failed.
pub(super) async fn saved(app: &App, who: &Principal, place: ViewPlace) -> ApiResult<Vec<View>> {
    if who.account().is_none() {
        return Ok(Vec::new());
    }
    Ok(views::of(app, who).await?.into_iter().filter(|view| view.place == place).collect())
}
