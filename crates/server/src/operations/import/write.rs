//! Writing a generation: batches of at most a thousand, so that no other write waits longer than one of them.

use patchwharf_db::{
    Write,
    catalogue::{self as table, Counted, Counting, UpdateStanding},
    feeds,
};
use patchwharf_model::{FeedId, UpdateId};
use patchwharf_store::fault::Step;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::{
    Break,
    bulletins::Changes,
    catalogue::{Catalogue, Row},
};
use crate::{
    app::App,
    jobs::{JobContext, panic_text},
    operations::{OperationError, fault_at, write as begin},
};

const BATCH: usize = 1_000;
/// Rows of one transaction of a clean-up, and how many of those there are after an import; the rest waits.
const GARBAGE_ROWS: u32 = 2_000;
const GARBAGE_ROUNDS: u32 = 200;

/// A generation that is being written.
pub(super) struct Writer<'a> {
    ctx: &'a JobContext,
    feed: FeedId,
    generation: i64,
    /// The batch that is being written.
    under_way: JoinSet<Put>,
}

/// What became of a batch: the ids of its updates, by their keys.
type Put = Result<Vec<(String, UpdateId)>, Break>;

/// Drops what an import wrote that does not come to its end, and notes why.
pub(super) async fn drop_generation(ctx: &JobContext, feed: FeedId, error: Option<&str>) -> Result<(), OperationError> {
    drop_rows(ctx, feed).await?;
    if let Some(error) = error {
        let mut write = begin(ctx).await?;
        feeds::import_ended(&mut write, feed, Some(ctx.job), Some(error)).await?;
        write.commit().await?;
    }
    Ok(())
}

async fn drop_rows(ctx: &JobContext, feed: FeedId) -> Result<(), OperationError> {
    drop_crashed(&ctx.app, &ctx.actor, &format!("job {}", ctx.job), Some(feed)).await?;
    Ok(())
}

/// Drops what imports of one feed, or of all, wrote and did not make current, a transaction at a time. Returns how many
/// rows that was. The caller makes sure that no import of these feeds is running.
///
/// # Errors
/// The database failed; what is left is as invisible as before.
pub(crate) async fn drop_crashed(
    app: &App,
    actor: &str,
    source: &str,
    feed: Option<FeedId>,
) -> patchwharf_db::Result<u64> {
    let mut all = 0;
    loop {
        let mut write = app.db.write(actor, source, app.clock.now()).await?;
        let dropped = table::drop_crashed_generations(&mut write, feed, GARBAGE_ROWS).await?;
        write.commit().await?;
        all += dropped;
        if dropped == 0 {
            return Ok(all);
        }
    }
}

/// Deletes revisions that no reader can see any more. If it fails, the next import goes on with it.
pub(super) async fn collect_garbage(ctx: &JobContext) {
    for _ in 0..GARBAGE_ROUNDS {
        let round = async {
            let mut write = begin(ctx).await?;
            let gone = table::collect_garbage(&mut write, GARBAGE_ROWS).await?;
            write.commit().await?;
            Ok::<_, OperationError>(gone)
        };
        match round.await {
            Ok(0) => break,
            Ok(_) if ctx.stop.reason().is_some() => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "old revisions stay until the next import");
                return;
            }
        }
    }
    if let Err(error) = ctx.app.db.analyze().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the database plans with the sizes of before");
    }
}

impl<'a> Writer<'a> {
    /// Takes a generation; what a crashed import of the feed left behind goes first.
    pub(super) async fn begin(ctx: &'a JobContext, feed: FeedId) -> Result<Self, Break> {
        drop_rows(ctx, feed).await?;
        let mut write = begin(ctx).await?;
        let generation = table::begin_generation(&mut write, feed).await?;
        write.commit().await?;
        Ok(Self { ctx, feed, generation, under_way: JoinSet::new() })
    }

    /// Begins to write the batch that has come together, once the one before is written. The catalogue is read on meanwhile.
    pub(super) async fn updates(&mut self, catalogue: &mut Catalogue) -> Result<(), Break> {
        self.written(catalogue).await?;
        let batch = catalogue.take_batch();
        if !batch.is_empty() {
            self.under_way.spawn(put(self.ctx.clone(), self.feed, self.generation, batch).in_current_span());
        }
        Ok(())
    }

    /// Whether nothing is being written.
    pub(super) fn is_idle(&mut self, catalogue: &mut Catalogue) -> Result<bool, Break> {
        while let Some(put) = self.under_way.try_join_next() {
            note(put, catalogue)?;
        }
        Ok(self.under_way.is_empty())
    }

    /// Waits until what was begun is written.
    pub(super) async fn written(&mut self, catalogue: &mut Catalogue) -> Result<(), Break> {
        while let Some(put) = self.under_way.join_next().await {
            note(put, catalogue)?;
        }
        Ok(())
    }

    /// After something failed, waits for what was begun: the generation is dropped after that. Whoever was overtaken learns it
    /// here, too, for then nothing is dropped.
    pub(super) async fn at_rest(&mut self, failed: Break) -> Break {
        let mut why = failed;
        while let Some(put) = self.under_way.join_next().await {
            if let Ok(Err(overtaken @ Break::Overtaken(_))) = put {
                why = overtaken;
            }
        }
        why
    }

    /// Writes what changed in the standing of updates.
    pub(super) async fn standing(&mut self, changes: &[UpdateStanding]) -> Result<(), Break> {
        for batch in changes.chunks(BATCH) {
            self.ctx.stop.check()?;
            let mut write = self.transaction().await?;
            table::set_update_standing(&mut write, self.feed, self.generation, batch).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// Writes what changed in bulletins.
    pub(super) async fn bulletins(&mut self, changes: &Changes) -> Result<(), Break> {
        for batch in changes.new.chunks(BATCH) {
            self.ctx.stop.check()?;
            let mut write = self.transaction().await?;
            table::put_bulletins(&mut write, self.feed, self.generation, batch).await?;
            write.commit().await?;
        }
        for batch in changes.standing.chunks(BATCH) {
            self.ctx.stop.check()?;
            let mut write = self.transaction().await?;
            table::set_bulletin_standing(&mut write, self.feed, self.generation, batch).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// Counts what lists will show of the bulletins that the generation changes. Nothing is written under it after that.
    pub(super) async fn count(self) -> Result<Counted, Break> {
        let mut counting = Counting::begin(&self.ctx.app.db, self.feed, self.generation).await?;
        loop {
            self.ctx.stop.check()?;
            let mut write = self.transaction().await?;
            let counted = counting.next(&mut write, BATCH).await?;
            write.commit().await?;
            fault_at(Step::ImportAfterCount)?;
            if let Some(counted) = counted {
                return Ok(counted);
            }
        }
    }

    async fn transaction(&self) -> Result<Write<'_>, Break> {
        transaction(self.ctx, self.feed, self.generation).await
    }
}

/// A transaction under a generation.
async fn transaction(ctx: &JobContext, feed: FeedId, generation: i64) -> Result<Write<'_>, Break> {
    let mut write = begin(ctx).await?;
    table::must_be_newest(&mut write, feed, generation).await.map_err(Break::unless_overtaken)?;
    Ok(write)
}

/// Writes a batch: one transaction.
async fn put(ctx: JobContext, feed: FeedId, generation: i64, batch: Vec<Row>) -> Put {
    let mut write = transaction(&ctx, feed, generation).await?;
    let (rows, supersedes): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    let ids = table::put_updates(&mut write, feed, generation, &rows).await?;
    let ids = || ids.iter().map(|put| put.update_id);
    let edges: Vec<(UpdateId, String)> =
        ids().zip(supersedes).flat_map(|(id, keys)| keys.into_iter().map(move |key| (id, key))).collect();
    for edges in edges.chunks(BATCH * 10) {
        table::put_supersedence(&mut write, feed, generation, edges).await?;
    }
    write.commit().await?;
    fault_at(Step::ImportAfterBatch)?;
    Ok(rows.into_iter().map(|row| row.key).zip(ids()).collect())
}

fn note(put: Result<Put, JoinError>, catalogue: &mut Catalogue) -> Result<(), Break> {
    let put = put.map_err(|error| match error.is_panic() {
        true => {
            let text = panic_text(&*error.into_panic());
            OperationError::new(
                "internal",
                format!("internal error, please report it with the log of this job: {text}"),
            )
        }
        false => OperationError::new("interrupted", "the server ends; import again").because(error),
    })?;
    for (key, id) in put? {
        catalogue.written(&key, id);
    }
    Ok(())
}
