//! Software update policies.

mod change;
mod read;
mod switches;
mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use read::{list, show_page};

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list, change::create))
        .routes(routes!(read::show, change::patch, change::delete))
        .routes(routes!(change::recreate))
        .routes(routes!(read::switches, switches::set))
        .routes(routes!(switches::remove))
        .routes(routes!(switches::accept))
}
