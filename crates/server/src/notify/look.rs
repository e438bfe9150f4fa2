//! How things are.

mod feeds;
mod jobs;
mod packages;
mod server;
mod sign_ins;
mod space;
mod tls;
mod trail;

use std::sync::Arc;

use patchwharf_db::notifications::Kind;

pub(crate) use feeds::is_stale;
pub(super) use server::damaged;

use super::Trouble;
use crate::{app::App, operations::OperationError};

/// Things of a message that are asked for.
const LIMIT: u32 = 20;

/// Looks at every kind.
pub(super) async fn all(app: &Arc<App>, known: &[Kind]) -> Result<Vec<Trouble>, OperationError> {
    let seen = |kind: &str| known.iter().find(|known| known.kind == kind).map(|known| known.seen.as_str());
    Ok(vec![
        packages::look(app).await?,
        jobs::look(app, seen("jobs")).await?,
        feeds::look(app).await?,
        space::look(app).await?,
        server::look(app),
        tls::look(app),
        trail::look(app),
        sign_ins::look(app),
    ])
}

/// The kind of what each server sees for itself: several servers of one database must not answer each other.
fn own(app: &App, kind: &str) -> String {
    if app.db.is_shared() { format!("{kind} {}", app.instance) } else { kind.to_owned() }
}
