//! Figures, not judgements: `cargo test -p patchwharf-db --test db speed -- --ignored --nocapture --test-threads 1`.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use patchwharf_db::{
    bulletins,
    bulletins::{BulletinFilter, BulletinQuery, BulletinSort},
    catalogue,
    catalogue::{Counting, NewBulletin, Switch},
    packages,
};
use patchwharf_model::JobId;

use crate::sandbox::{Sandbox, at, bulletin, update};

macro_rules! figures {
    ($($test:ident),+ $(,)?) => {
        mod sqlite { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            #[ignore = "measures: prints figures and asserts nothing; run by hand with --ignored --nocapture"]
            async fn $test() { super::$test(&crate::sandbox::Sandbox::sqlite().await).await; }
        )+ }
        mod postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            #[ignore = "measures: prints figures and asserts nothing; run by hand with --ignored --nocapture"]
            async fn $test() {
                if let Some(s) = crate::sandbox::Sandbox::postgres().await {
                    super::$test(&s).await;
                    s.close().await;
                }
            }
        )+ }
    };
}

figures!(a_large_catalogue, the_longest_write_of_an_import, staging);

fn back_end(s: &Sandbox) -> &'static str {
    if s.db.is_shared() { "postgresql" } else { "sqlite" }
}

/// About 350 letters of a vocabulary of 5,000 words, of which the first come most often: as vendors write.
fn prose(seed: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "cor", "di", "fen", "gul", "har", "in", "jo", "ker", "lat", "mo", "nis", "or", "pel", "qua", "ris",
        "sto", "tur", "um", "vex",
    ];
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut text = String::new();
    while text.len() < 350 {
        let ceiling = next() % 5_000 + 1;
        let word = next() % ceiling;
        for at in 0..1 + word % 4 {
            text.push_str(SYLLABLES[(word * 7 + at * (word / 20 + 3)) % SYLLABLES.len()]);
        }
        text.push(' ');
    }
    text
}

async fn a_large_catalogue(s: &Sandbox) {
    const COUNT: usize = 50_000;
    let feed = s.feed("large").await;
    let start = Instant::now();
    let mut longest = 0;
    let mut w = s.write(1).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    w.commit().await.unwrap();
    for from in (0..COUNT).step_by(1000) {
        let bulletins: Vec<_> = (from..from + 1000)
            .map(|n| {
                let mut b = bulletin(n);
                b.description = prose(n);
                b
            })
            .collect();
        let updates: Vec<_> = (from..from + 1000)
            .map(|n| {
                let mut u = update(n, "1");
                u.item = format!("{{\"text\":\"{}\"}}", "x\\\"".repeat(500));
                u
            })
            .collect();
        let batch = Instant::now();
        let mut w = s.write(1).await;
        catalogue::put_bulletins(&mut w, feed, generation, &bulletins).await.unwrap();
        catalogue::put_updates(&mut w, feed, generation, &updates).await.unwrap();
        w.commit().await.unwrap();
        longest = longest.max(batch.elapsed().as_millis());
    }
    let written = start.elapsed().as_millis();
    let start = Instant::now();
    s.switch(feed, generation).await;
    println!(
        "{}: {COUNT} bulletins and updates written in {written} ms, longest batch {longest} ms, counts and switch {} ms",
        back_end(s),
        start.elapsed().as_millis()
    );
    let start = Instant::now();
    assert_eq!(catalogue::known_updates(&s.db, feed).await.unwrap().len(), COUNT);
    println!("{}: known updates {} ms", back_end(s), start.elapsed().as_millis());

    let f = BulletinFilter::default;
    let cases: Vec<(&str, BulletinFilter, BulletinSort, bool)> = vec![
        ("newest", f(), BulletinSort::Revised, false),
        ("by name", f(), BulletinSort::Name, false),
        ("by packages", f(), BulletinSort::Packages, false),
        ("with total", f(), BulletinSort::Revised, true),
        ("text, common", BulletinFilter { text: Some("update".into()), ..f() }, BulletinSort::Revised, false),
        ("text, rare", BulletinFilter { text: Some("b99999".into()), ..f() }, BulletinSort::Revised, false),
        ("text, rare, total", BulletinFilter { text: Some("b4999".into()), ..f() }, BulletinSort::Revised, true),
        ("text, some, total", BulletinFilter { text: Some("update 777".into()), ..f() }, BulletinSort::Revised, true),
        ("text, half, total", BulletinFilter { text: Some("cor dell".into()), ..f() }, BulletinSort::Revised, true),
        ("text, all, total", BulletinFilter { text: Some("update".into()), ..f() }, BulletinSort::Revised, true),
        ("text, all, total, by name", BulletinFilter { text: Some("update".into()), ..f() }, BulletinSort::Name, true),
        ("text, two letters, total", BulletinFilter { text: Some("zz".into()), ..f() }, BulletinSort::Revised, true),
        ("text, none, total", BulletinFilter { text: Some("nowhere".into()), ..f() }, BulletinSort::Revised, true),
        ("cve", BulletinFilter { cve: Some("CVE-2026-77777".into()), ..f() }, BulletinSort::Revised, false),
        ("downloaded", BulletinFilter { downloaded: Some(true), ..f() }, BulletinSort::Revised, false),
    ];
    for (name, filter, sort, with_total) in cases {
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            let query =
                BulletinQuery { filter: filter.clone(), sort, descending: true, cursor: None, limit: 100, with_total };
            bulletins::list(&s.db, &query).await.unwrap();
            times.push(start.elapsed());
        }
        times.sort();
        println!("{}: list {name}: median {:?}, p95 {:?}", back_end(s), times[10], times[18]);
    }
}

/// An import of 100,000 updates, written as the import job does it: how long each kind of transaction keeps others out.
async fn the_longest_write_of_an_import(s: &Sandbox) {
    const COUNT: usize = 100_000;
    let feed = s.feed("large").await;
    for revision in ["1", "2"] {
        let mut longest = [Duration::ZERO; 4];
        let mut note = |kind: usize, since: Instant| longest[kind] = longest[kind].max(since.elapsed());
        let all = Instant::now();
        let mut w = s.write(1).await;
        let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
        w.commit().await.unwrap();
        for from in (0..COUNT).step_by(1000) {
            let updates: Vec<_> = (from..from + 1000).map(|n| update(n, revision)).collect();
            let since = Instant::now();
            let mut w = s.write(1).await;
            catalogue::put_updates(&mut w, feed, generation, &updates).await.unwrap();
            w.commit().await.unwrap();
            note(0, since);
        }
        for from in (0..COUNT).step_by(1000) {
            let bulletins: Vec<_> =
                (from..from + 1000).map(|n| NewBulletin { description: prose(n), ..bulletin(n) }).collect();
            let since = Instant::now();
            let mut w = s.write(1).await;
            catalogue::put_bulletins(&mut w, feed, generation, &bulletins).await.unwrap();
            w.commit().await.unwrap();
            note(1, since);
        }
        let since = Instant::now();
        let mut counting = Counting::begin(&s.db, feed, generation).await.unwrap();
        let (looked, count_all) = (since.elapsed(), Instant::now());
        let counted = loop {
            let since = Instant::now();
            let mut w = s.write(1).await;
            let counted = counting.next(&mut w, 1000).await.unwrap();
            w.commit().await.unwrap();
            note(2, since);
            if let Some(counted) = counted {
                break counted;
            }
        };
        let count_all = count_all.elapsed();
        let since = Instant::now();
        let mut w = s.write(1).await;
        catalogue::switch_generation(&mut w, &Switch { counted, fingerprint: None, catalogue_date: None })
            .await
            .unwrap();
        w.commit().await.unwrap();
        note(3, since);
        let [updates, bulletins, counts, switch] = longest.map(|time| time.as_millis());
        println!(
            "{}: revision {revision} of {COUNT} updates in {} ms; longest transaction: updates {updates} ms, bulletins \
             {bulletins} ms, counts {counts} ms (all {} ms, looked up without a transaction in {} ms), switch {switch} ms",
            back_end(s),
            all.elapsed().as_millis(),
            count_all.as_millis(),
            looked.as_millis()
        );
    }
}

async fn staging(s: &Sandbox) {
    let (_, ids) = s.catalogue(10_000).await;
    let location = s.location().await;
    let (mut begin, mut commit) = (Vec::new(), Vec::new());
    for ids in ids.chunks(500) {
        let job = JobId::new();
        let start = Instant::now();
        let staged = s.begin_stage(job, location, ids).await;
        begin.push(start.elapsed().as_millis());
        let start = Instant::now();
        let mut w = s.write(20).await;
        packages::commit_staged(&mut w, job, at(100_000), &staged).await.unwrap();
        packages::unlock(&mut w, job, None).await.unwrap();
        w.commit().await.unwrap();
        commit.push(start.elapsed().as_millis());
    }
    println!("{}: ensure, lock and new versions of 500 packages: {begin:?} ms", back_end(s));
    println!("{}: commit of 500 packages: {commit:?} ms", back_end(s));
}
