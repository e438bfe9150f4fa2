//! Pages of the console at the size of a large deployment, as the server answers them, and what a browser loads at first.

mod first_load;
mod pages;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{
    ask::Client,
    large::{self, Large},
    process::Bench,
    report::Report,
};

/// Requests of a page that are counted.
const TIMES: usize = 20;
/// Steps of 1,000 rows to the deep pages.
const STEPS: usize = 40;
/// What a browser may load at first.
const FIRST_LOAD_BYTES: usize = 100 * 1024;

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let large = large::deployment(bench)?;
    let client = Client { port: large.server.port, token: large.server.token()? };
    // What starts with the server is over: the pages are measured, not that.
    std::thread::sleep(Duration::from_secs(10));
    for (what, path, most_ms) in pages::PAGES {
        let path = filled(&large, path);
        measure(&client, report, what, &path, *most_ms)?;
    }
    for (list, query) in pages::DEEP {
        let cursor = deep(&client, &format!("/api/v1/{list}?{query}"))?;
        let path = format!("/console/{list}?{query}&cursor={cursor}");
        measure(&client, report, &format!("{list}?{query}, {STEPS},000 rows further"), &path, 30)?;
    }
    for place in pages::PLACES {
        let bytes = first_load::of(&client, place)?;
        let figure = format!("{:.1} KiB", bytes as f64 / 1024.0);
        report.judged(&format!("first load of {place}"), &figure, "100 KiB", bytes > FIRST_LOAD_BYTES);
    }
    Ok(())
}

/// With what there is in this deployment in place of the names of things.
fn filled(large: &Large, path: &str) -> String {
    large.names().into_iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, &value))
}

fn measure(client: &Client, report: &mut Report, what: &str, path: &str, most_ms: u32) -> Result<()> {
    let mut taken = Vec::with_capacity(TIMES);
    let mut bytes = 0;
    for turn in 0..=TIMES {
        let started = Instant::now();
        bytes = client.get(path).with_context(|| format!("ask for {what}"))?.bytes;
        // The first one fills caches that every later one finds.
        if turn > 0 {
            taken.push(started.elapsed());
        }
    }
    taken.sort();
    let ms = |at: usize| taken.get(at).map_or(f64::NAN, |taken| taken.as_secs_f64() * 1_000.0);
    let (half, most) = (ms(TIMES / 2), ms(TIMES - 2));
    let figure = format!("{half:.1} ms, 19 of 20 in {most:.1} ms; {} KiB", bytes / 1024);
    let is_missed = most_ms > 0 && half > f64::from(most_ms);
    let target = if most_ms > 0 { format!("{most_ms} ms") } else { String::new() };
    report.judged(&format!("page at 50,000 bulletins: {what}"), &figure, &target, is_missed);
    Ok(())
}

/// Where a page begins that lies far down.
fn deep(client: &Client, list: &str) -> Result<String> {
    let mut cursor = String::new();
    for _ in 0..STEPS {
        let at = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        let page: serde_json::Value = serde_json::from_str(&client.text(&format!("{list}&limit=1000{at}"))?)?;
        page["next"].as_str().with_context(|| format!("{list} ends too soon"))?.clone_into(&mut cursor);
    }
    Ok(cursor)
}
