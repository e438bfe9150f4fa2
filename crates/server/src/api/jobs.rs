//! Jobs.

mod control;
mod findings;
mod follow;
mod items;
mod read;
pub(super) mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use follow::LAST_EVENT_ID;

pub(crate) use findings::page_of_findings;
pub(crate) use read::{list, show};

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::show))
        .routes(routes!(items::items))
        .routes(routes!(findings::findings))
        .routes(routes!(follow::events))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::cancel))
}
