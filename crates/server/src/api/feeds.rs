//! Catalogue feeds.

mod change;
mod check;
mod read;
mod remove;
mod run;
mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use check::name as check_name;

pub(crate) use read::{list, show};

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list, change::create))
        .routes(routes!(read::show, change::patch, remove::remove))
        .routes(routes!(remove::removal_preview))
        .routes(routes!(run::import))
        .routes(routes!(run::preview))
}
