//! Software bulletins.

mod change;
mod choice;
mod preview;
mod read;
mod run;
mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use choice::bulletins as chosen;
pub(super) use read::one;
pub(crate) use read::{list, refers, show};

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::show))
        .routes(routes!(read::refers))
        .routes(routes!(change::enable))
        .routes(routes!(change::disable))
        .routes(routes!(change::severity))
        .routes(routes!(preview::preview))
        .routes(routes!(run::stage))
        .routes(routes!(run::refresh))
        .routes(routes!(run::recreate))
}
