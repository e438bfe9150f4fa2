//! Preview: counts what rules would take of the vendor's catalogue as it is now. Nothing is changed.

use std::collections::{BTreeMap, HashSet};

use patchwharf_db::feeds;
use patchwharf_model::{
    FeedId,
    api::FeedRules,
    catalogue::Frame,
    job::{Report, Unit},
    update::PublicationState,
};

use super::{Break, config, folder::Folder, program, source};
use crate::{
    jobs::JobContext,
    operations::{Ending, OperationError},
    parse_feed::{Parser, ParserError},
    settings::speaking,
    words,
};

/// Counts `updates`, `bulletins`, `files`, `bytes`, `left-out` and `rejected`; of what `auto_stage` would stage then
/// `staged-updates` and `staged-bytes`.
///
/// # Errors
/// The catalogue cannot be had or is refused.
pub async fn run(
    ctx: &JobContext,
    feed: FeedId,
    rules: Option<&FeedRules>,
    auto_stage: Option<&FeedRules>,
) -> Result<Ending, OperationError> {
    match count(ctx, feed, rules, auto_stage).await {
        Ok(report) => Ok(Ending::Done(report)),
        Err(Break::Stopped(reason)) => Ok(Ending::Stopped(reason)),
        Err(Break::Failed(error) | Break::Overtaken(error)) => Err(error),
    }
}

async fn count(
    ctx: &JobContext,
    feed: FeedId,
    rules: Option<&FeedRules>,
    auto_stage: Option<&FeedRules>,
) -> Result<Report, Break> {
    let feed = feeds::get(&ctx.app.db, feed).await?;
    let config = config(&feed)?;
    let rules = speaking(&ctx.app, rules.unwrap_or(&config.rules).clone()).await?;
    let folder = Folder::make(&ctx.app.config.data, ctx.job)?;
    ctx.progress.phase("fetching the catalogue");
    let source::Sourced::Ready { request, .. } = source::fetch(ctx, &config, None, None, &folder).await? else {
        return Err(OperationError::new("fetch", "the catalogue came without its bytes").into());
    };
    ctx.progress.phase("reading the catalogue");
    ctx.progress.start(Unit::Items, 0);
    let mut parser = Parser::start(&program()?, folder.path(), &request, ctx.app.config.parser.limits()).await?;
    let mut counts: BTreeMap<&str, u64> =
        ["updates", "bulletins", "files", "bytes", "left-out", "rejected"].map(|n| (n, 0)).into();
    if auto_stage.is_some() {
        counts.extend([("staged-updates", 0), ("staged-bytes", 0)]);
    }
    let mut bulletins = HashSet::new();
    let mut seen = HashSet::new();
    loop {
        let mut add = |name, more: u64| *counts.entry(name).or_default() += more;
        match parser.next::<Frame>().await? {
            Frame::Update(update) => {
                ctx.stop.check()?;
                ctx.progress.advance(1);
                let chosen = rules.choose(&update).filter(|_| update.publication == PublicationState::Published);
                match chosen {
                    _ if !seen.insert(update.key.clone()) => {}
                    None => add("left-out", 1),
                    Some(files) => {
                        let bytes = files.iter().map(|file| file.size_bytes).sum();
                        add("updates", 1);
                        add("files", files.len() as u64);
                        add("bytes", bytes);
                        if auto_stage.is_some_and(|rules| rules.choose(&update).is_some()) {
                            add("staged-updates", 1);
                            add("staged-bytes", bytes);
                        }
                        bulletins.insert(update.bulletin.clone());
                    }
                }
            }
            Frame::Rejected(_) => add("rejected", 1),
            Frame::Failed { code, message } => return Err(ParserError::Refused { code, message }.into()),
            Frame::End { .. } => break,
            Frame::Head(_) | Frame::Bulletin(_) => {}
        }
    }
    counts.insert("bulletins", bulletins.len() as u64);
    let of = |name: &str| counts.get(name).copied().unwrap_or_default();
    let mut summary = format!(
        "{} updates in {} bulletins would be taken: {} files, {}. {} would be left out.",
        of("updates"),
        of("bulletins"),
        of("files"),
        words::bytes(of("bytes")),
        of("left-out")
    );
    if auto_stage.is_some() {
        let (updates, bytes) = (of("staged-updates"), of("staged-bytes"));
        summary.push_str(&format!(" {updates} updates would be staged after the import: {}.", words::bytes(bytes)));
    }
    let counts = counts.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
    Ok(Report { summary, counts, ..Report::default() })
}
