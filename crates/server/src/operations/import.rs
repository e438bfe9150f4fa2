//! Import: a vendor's catalogue becomes bulletins and updates, as a whole or not at all.
//!
//! Fetch (nothing is done when nothing changed) -> parse in a process of its own -> write what is new or changed in
//! batches under a new generation -> count what lists will show of it -> one short transaction makes it current.
//! Whatever goes wrong before that leaves the old catalogue as it was.

mod bulletins;
mod catalogue;
mod dates;
mod documents;
mod fingerprint;
mod folder;
mod preview;
mod source;
mod supersedence;
mod turn;
mod write;

use patchwharf_db::{catalogue as table, feeds};
use patchwharf_model::{
    FeedId,
    api::FeedConfig,
    catalogue::Frame,
    job::{JobRequest, Report, ReportItem, Selection, Unit},
};
use patchwharf_store::fault::Step;

use super::{Ending, OperationError};
use crate::{
    fetch::FetchError,
    jobs::{JobContext, Order, StopReason},
    parse_feed::{ParseRequest, Parser, ParserError},
    settings::speaking,
};
use catalogue::Catalogue;
use fingerprint::Fingerprint;
use folder::Folder;
use source::Sourced;

pub(crate) use catalogue::files_digest;
pub use preview::run as preview;
pub(crate) use write::drop_crashed;

/// Why an import ends before its end.
#[derive(Debug)]
enum Break {
    Stopped(StopReason),
    Failed(OperationError),
    /// Another import of the feed has begun: what was written is not ours to drop any more.
    Overtaken(OperationError),
}

impl Break {
    /// Of an error of a statement that is refused to whoever was overtaken.
    fn unless_overtaken(error: patchwharf_db::DbError) -> Self {
        match error {
            refused @ patchwharf_db::DbError::Refused(_) => Self::Overtaken(refused.into()),
            other => other.into(),
        }
    }
}

impl From<OperationError> for Break {
    fn from(error: OperationError) -> Self {
        Self::Failed(error)
    }
}

impl From<StopReason> for Break {
    fn from(reason: StopReason) -> Self {
        Self::Stopped(reason)
    }
}

impl From<patchwharf_db::DbError> for Break {
    fn from(error: patchwharf_db::DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<FetchError> for Break {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Stopped(reason) => Self::Stopped(reason),
            error => {
                let text = format!("the catalogue cannot be fetched ({}): {error}", error.code());
                Self::Failed(OperationError::new("fetch", text).because(error))
            }
        }
    }
}

impl From<ParserError> for Break {
    fn from(error: ParserError) -> Self {
        let text = format!("the catalogue is refused ({}): {error}; what was imported before stays", error.code());
        Self::Failed(OperationError::new("catalogue-refused", text).because(error))
    }
}

/// The option that lets in what an import has held back; the refusal names it.
const CONFIRM: &str = "--confirm-shrink";

/// Whether an import that ended with this error was held back for somebody to confirm it.
#[must_use]
pub fn is_held(error: &str) -> bool {
    error.contains(CONFIRM)
}

/// Imports a feed.
///
/// # Errors
/// The catalogue cannot be had or is refused; the old one stays.
pub async fn run(ctx: &JobContext, feed: FeedId, confirmed: bool) -> Result<Ending, OperationError> {
    let _turn = match turn::take(ctx, feed).await? {
        Ok(turn) => turn,
        Err(later) => return Ok(later),
    };
    let ended = import(ctx, feed, confirmed).await;
    if let Err(broken) = &ended {
        if matches!(broken, Break::Stopped(StopReason::LeaseLost)) {
            return Ok(Ending::Stopped(StopReason::LeaseLost));
        }
        match broken {
            Break::Failed(error) => write::drop_generation(ctx, feed, Some(&error.text)).await?,
            Break::Stopped(_) => write::drop_generation(ctx, feed, None).await?,
            Break::Overtaken(_) => {}
        }
    }
    match ended {
        Ok(mut report) => {
            let proved = super::unproved::look(&ctx.app, &ctx.actor, &format!("job {}", ctx.job)).await?;
            if proved > 0 {
                report.counts.insert("proved".to_owned(), proved);
            }
            Ok(Ending::Done(report))
        }
        Err(Break::Stopped(reason)) => Ok(Ending::Stopped(reason)),
        Err(Break::Failed(error) | Break::Overtaken(error)) => Err(error),
    }
}

async fn import(ctx: &JobContext, id: FeedId, confirmed: bool) -> Result<Report, Break> {
    let app = &ctx.app;
    let feed = feeds::get(&app.db, id).await?;
    let config = config(&feed)?;
    let before = feed.fingerprint.as_deref().and_then(Fingerprint::read);
    let folder = Folder::make(&app.config.data, ctx.job)?;
    ctx.progress.phase("fetching the catalogue");
    let sourced = source::fetch(ctx, &config, feed.catalogue_date, before.as_ref(), &folder).await?;
    let Sourced::Ready { request, fingerprint } = sourced else {
        let mut write = super::write(ctx).await?;
        feeds::import_ended(&mut write, id, Some(ctx.job), None).await?;
        write.commit().await?;
        tracing::info!(feed.name = %feed.name, "the catalogue has not changed");
        return Ok(Report {
            summary: "The catalogue has not changed; nothing was done.".to_owned(),
            ..Report::default()
        });
    };

    ctx.progress.phase("reading what is known");
    let rules = speaking(app, config.rules.clone()).await?;
    let known = table::known_updates(&app.db, id).await?;
    let mut catalogue = Catalogue::new(rules, config.auto_stage.clone(), known, ctx.now());
    let mut writer = write::Writer::begin(ctx, id).await?;
    ctx.progress.phase("reading the catalogue");
    ctx.progress.start(Unit::Items, 0);
    let date = match read(ctx, &folder, &request, &mut catalogue, &mut writer).await {
        Ok(date) => date.or(catalogue.newest()),
        Err(failed) => return Err(writer.at_rest(failed).await),
    };
    dates::believe(&feed.name, date, feed.catalogue_date, ctx.now(), confirmed)?;
    if !confirmed && let Some(held) = catalogue.shrink() {
        let text = format!(
            "held for confirmation: {} of the {} updates that feed {:?} listed are missing from its catalogue now; \
             nothing was changed. If the vendor means it: `patchwharf feed import {:?} {CONFIRM}`",
            held.missing, held.listed, feed.name, feed.name
        );
        return Err(OperationError::new("shrink-held", text).into());
    }

    ctx.progress.phase("working out supersedence");
    let bulletins = table::known_bulletins(&app.db, id).await?;
    let standing = catalogue.resolve();
    for cycle in &standing.cycles {
        let reason = format!("these updates supersede each other in a circle and are all kept: {cycle}");
        item(ctx, "supersedence", "ignored", reason);
    }
    let changes = catalogue.bulletins(&bulletins, &standing, ctx.now());
    ctx.progress.phase("writing bulletins");
    writer.standing(&catalogue.changed_standing(&standing)).await?;
    writer.bulletins(&changes).await?;

    ctx.progress.phase("counting");
    let counted = writer.count().await?;

    ctx.progress.phase("making the catalogue current");
    let report = catalogue.report(ctx, &standing);
    let stage = catalogue.to_stage(&standing);
    let mut write = super::write(ctx).await?;
    let switch = table::Switch { counted, fingerprint: Some(fingerprint.text()), catalogue_date: date };
    super::fault_at(Step::ImportBeforeSwitch)?;
    table::switch_generation(&mut write, &switch).await.map_err(Break::unless_overtaken)?;
    feeds::import_ended(&mut write, id, Some(ctx.job), None).await?;
    if !stage.is_empty() {
        let request = JobRequest::Stage { of: Selection::Updates(stage) };
        let order = Order::by("system").from(format!("job {}", ctx.job));
        app.jobs.order_in(&mut write, &request, &order).await?;
    }
    write.commit().await?;
    app.jobs.wake();
    super::fault_at(Step::ImportAfterSwitch)?;
    tracing::info!(feed.name = %feed.name, summary = %report.summary, "catalogue imported");
    write::collect_garbage(ctx).await;
    Ok(report)
}

/// Takes the parser's frames; gives back the date that the catalogue has of its own.
async fn read(
    ctx: &JobContext,
    folder: &Folder,
    request: &ParseRequest,
    catalogue: &mut Catalogue,
    writer: &mut write::Writer<'_>,
) -> Result<Option<patchwharf_model::Timestamp>, Break> {
    super::fault_at(Step::ImportBeforeParse)?;
    let mut parser = Parser::start(&program()?, folder.path(), request, ctx.app.config.parser.limits()).await?;
    let mut date = None;
    loop {
        // A parser that takes its time does not keep the job from being cancelled; dropped, it is killed.
        let frame = tokio::select! {
            frame = parser.next::<Frame>() => frame?,
            reason = ctx.stop.asked() => return Err(reason.into()),
        };
        match frame {
            Frame::Head(head) => date = head.date,
            Frame::Update(update) => {
                if let Some(refused) = catalogue.update(*update) {
                    item(ctx, &refused.item, "rejected", refused.reason);
                }
                ctx.progress.advance(1);
                ctx.progress.items_done(1);
                if catalogue.batch_is_full() || catalogue.batch_is_worth_it() && writer.is_idle(catalogue)? {
                    writer.updates(catalogue).await?;
                }
            }
            Frame::Bulletin(info) => catalogue.bulletin(info),
            Frame::Rejected(rejected) => {
                catalogue.rejected();
                item(ctx, &rejected.item, "rejected", rejected.reason);
            }
            Frame::Failed { code, message } => return Err(ParserError::Refused { code, message }.into()),
            Frame::End { .. } => break,
        }
    }
    ctx.stop.check()?;
    writer.updates(catalogue).await?;
    writer.written(catalogue).await?;
    Ok(date)
}

fn config(feed: &feeds::Feed) -> Result<FeedConfig, OperationError> {
    if feed.removed_at.is_some() {
        let text = format!("feed {:?} was removed; add it again to import from it", feed.name);
        return Err(OperationError::new("feed-removed", text));
    }
    serde_json::from_str(&feed.config).map_err(|error| {
        let text =
            format!("the configuration of feed {:?} cannot be read; remove the feed and add it again", feed.name);
        OperationError::new("feed-config", text).because(error)
    })
}

/// This very program.
fn program() -> Result<camino::Utf8PathBuf, OperationError> {
    let failed = || OperationError::new("parser-start", "the path of this program cannot be found out");
    let path = std::env::current_exe().map_err(|error| failed().because(error))?;
    camino::Utf8PathBuf::from_path_buf(path).map_err(|_| failed())
}

/// Puts a line into the report. None of them makes the import a failure: it took effect.
fn item(ctx: &JobContext, item: &str, outcome: &str, reason: impl Into<String>) {
    let item = item.escape_debug().to_string();
    ctx.report_item(ReportItem { item, outcome: outcome.to_owned(), failed: false, reason: reason.into() });
}
