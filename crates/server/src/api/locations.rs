//! Package locations.

mod adopt;
mod change;
mod prune;
mod read;
mod run;
pub(crate) mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list, change::create))
        .routes(routes!(change::delete))
        .routes(routes!(run::relocate))
        .routes(routes!(run::undo))
        .routes(routes!(adopt::adopt))
        .routes(routes!(prune::preview))
        .routes(routes!(prune::run))
}
