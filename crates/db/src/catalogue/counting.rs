//! Counting a generation before it becomes current, so that the switch has nothing to count.

use patchwharf_model::{BulletinId, FeedId};

use crate::{
    Db, Result, Write, derived,
    sql::{args, record},
};

record!(
    struct Touched {
        bulletin_id: BulletinId,
    }
);

/// The bulletins of a generation that are still to be counted.
#[derive(Debug)]
pub struct Counting {
    feed: FeedId,
    generation: i64,
    bulletins: Vec<BulletinId>,
}

/// A generation whose bulletins are counted: it can become current. Nothing may be written under it any more; what
/// happens to packages and policies in the meantime changes its counts and those of the current one together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub(super) feed: FeedId,
    pub(super) generation: i64,
}

impl Counting {
    /// Looks which bulletins the generation changes: those of which it says something new, and those whose updates it adds,
    /// changes or takes away (also where the counts stay the same now, for they need not stay the same until the switch).
    /// Everything of the generation must be committed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(db: &Db, feed: FeedId, generation: i64) -> Result<Self> {
        const TOUCHED: &str = "SELECT bulletin_id FROM update_revision WHERE feed_id = $1 AND from_gen = $2 \
             UNION SELECT bulletin_id FROM update_revision WHERE feed_id = $1 AND to_gen = $2 \
             UNION SELECT bulletin_id FROM bulletin_revision WHERE feed_id = $1 AND from_gen = $2";
        let touched: Vec<Touched> =
            db.all("find the bulletins that an import changes", TOUCHED, args![feed, generation]).await?;
        Ok(Self { feed, generation, bulletins: touched.into_iter().map(|row| row.bulletin_id).collect() })
    }

    /// Counts up to `limit` bulletins. Comes to its end with the transaction in which none is left; when one cannot be
    /// committed, the import is to be dropped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next(&mut self, w: &mut Write<'_>, limit: usize) -> Result<Option<Counted>> {
        let batch = self.bulletins.split_off(self.bulletins.len().saturating_sub(limit));
        if !batch.is_empty() {
            derived::generation(w, self.feed, self.generation, &batch).await?;
        }
        let (feed, generation) = (self.feed, self.generation);
        Ok(self.bulletins.is_empty().then_some(Counted { feed, generation }))
    }
}
