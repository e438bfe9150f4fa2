//! Damaged packages.

use std::sync::Arc;

use patchwharf_db::packages::{self, PackageFilter, PackageQuery, PackageSort};
use patchwharf_model::package::VersionState;

use super::{super::message::Line, LIMIT, Trouble};
use crate::{app::App, operations::OperationError, words::count};

pub(super) async fn look(app: &Arc<App>) -> Result<Trouble, OperationError> {
    let filter = PackageFilter {
        states: vec![VersionState::Corrupt, VersionState::Missing],
        active: Some(true),
        ..PackageFilter::default()
    };
    let query = PackageQuery {
        filter,
        sort: PackageSort::Since,
        descending: true,
        cursor: None,
        limit: LIMIT,
        with_total: true,
    };
    let page = packages::list(&app.db, &query).await?;
    let damaged = page.total.unwrap_or(page.rows.len() as u64);
    let same = page.rows.iter().map(|package| package.package_id.to_string()).collect::<Vec<_>>().join(" ");
    let lines = page.rows.into_iter().map(|package| {
        let bulletin = package.bulletin.unwrap_or_else(|| package.update_key.clone());
        let state = package.state.map_or("damaged", VersionState::as_str);
        let since =
            package.since.map_or_else(String::new, |since| format!(" since {}", since.strftime("%Y-%m-%d %H:%M UTC")));
        Line {
            item: format!("{bulletin}, package {}", package.package_id),
            reason: format!("{state}{since}: {}", package.reason.unwrap_or_default()),
        }
    });
    Ok(Trouble {
        kind: "packages".into(),
        count: damaged,
        headline: match damaged {
            1 => "1 package is damaged".to_owned(),
            _ => format!("{} are damaged", count(damaged, "package")),
        },
        well: "no package is damaged any more",
        lines: lines.collect(),
        advice: "A damaged file is not sent to anybody. Mend with `patchwharf bulletin refresh NAME`.".into(),
        same: if damaged > 0 { format!("{damaged}: {same}") } else { String::new() },
        is_event: false,
        seen: String::new(),
    })
}
