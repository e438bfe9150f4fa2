//! What a browser that has nothing yet loads with a page: its styles, its scripts and what those import, and of the log the
//! records that it shows at first.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::ask::Client;

/// Records of the first look at the log.
const RECORDS: usize = 100;

/// Bytes as they are transferred.
pub(super) fn of(client: &Client, place: &str) -> Result<usize> {
    let mut bytes = client.get(place)?.bytes;
    let (mut known, mut open) = (BTreeSet::new(), named(&client.text(place)?, "=\"/console/assets/"));
    while let Some(name) = open.pop() {
        let plain = name.split('?').next().unwrap_or_default().to_owned();
        if !known.insert(plain.clone()) {
            continue;
        }
        bytes += client.get(&format!("/console/assets/{name}"))?.bytes;
        if plain.ends_with(".js") {
            open.extend(named(&client.text(&format!("/console/assets/{name}"))?, "from \"./"));
        }
    }
    if place.ends_with("/log") {
        bytes += client.stream(&format!("/api/v1/logs/events?limit={RECORDS}"), RECORDS)?;
    }
    Ok(bytes)
}

/// What stands behind each of these beginnings, up to the quote.
fn named(text: &str, before: &str) -> Vec<String> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}
