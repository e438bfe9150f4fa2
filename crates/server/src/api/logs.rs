//! The log.

mod download;
mod follow;
mod read;
mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use read::list;

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(read::list)).routes(routes!(follow::events)).routes(routes!(download::download))
}
