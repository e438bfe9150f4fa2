//! Update packages.

mod choice;
mod deletion;
mod history;
mod integrity;
mod read;
mod run;
mod supply;
mod view;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use choice::{needed, selection};
pub(super) use deletion::{confirmed, count, is_large};

pub(crate) use history::history;
pub(crate) use read::{list, show};

use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::show))
        .routes(routes!(read::refers))
        .routes(routes!(read::totals))
        .routes(routes!(history::history))
        .routes(routes!(run::verify))
        .routes(routes!(run::delete))
        .routes(routes!(deletion::deletion_preview))
        .routes(routes!(run::reconcile))
        .routes(routes!(run::download))
        .routes(routes!(run::revise))
        .routes(routes!(run::delete_unused))
        .routes(routes!(integrity::integrity_check))
        .routes(routes!(supply::supply))
}
