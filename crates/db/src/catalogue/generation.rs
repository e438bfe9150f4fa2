//! The life of a generation: taken, switched to, dropped, collected.

use jiff::Timestamp;
use patchwharf_model::FeedId;

use crate::{
    DbError, Result, Write, derived,
    sql::{Number, args},
};

/// Revisions that never became current go, those that they had ended come back.
const DROP: &[&str] = &[
    "DELETE FROM update_revision WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen FROM feed AS f \
     CROSS JOIN update_revision AS r WHERE ($1 = '' OR f.feed_id = $1) AND r.feed_id = f.feed_id \
     AND r.from_gen > f.current_generation)",
    "UPDATE update_revision SET to_gen = NULL WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen \
     FROM feed AS f CROSS JOIN update_revision AS r WHERE ($1 = '' OR f.feed_id = $1) AND r.feed_id = f.feed_id \
     AND r.to_gen > f.current_generation)",
    "DELETE FROM bulletin_revision WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen FROM feed AS f \
     CROSS JOIN bulletin_revision AS r WHERE ($1 = '' OR f.feed_id = $1) AND r.feed_id = f.feed_id \
     AND r.from_gen > f.current_generation)",
    "UPDATE bulletin_revision SET to_gen = NULL WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen \
     FROM feed AS f CROSS JOIN bulletin_revision AS r WHERE ($1 = '' OR f.feed_id = $1) AND r.feed_id = f.feed_id \
     AND r.to_gen > f.current_generation)",
];

/// Ended revisions, then items and edges that no revision has any more.
const GARBAGE: &[&str] = &[
    "DELETE FROM update_revision WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen FROM feed AS f \
     JOIN update_revision AS r ON r.feed_id = f.feed_id AND r.to_gen <= f.current_generation LIMIT $1)",
    "DELETE FROM bulletin_revision WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen FROM feed AS f \
     JOIN bulletin_revision AS r ON r.feed_id = f.feed_id AND r.to_gen <= f.current_generation LIMIT $1)",
    "DELETE FROM update_item WHERE (update_id, digest) IN (SELECT i.update_id, i.digest FROM update_item AS i \
     WHERE NOT EXISTS (SELECT 1 FROM update_revision AS r WHERE r.update_id = i.update_id AND r.digest = i.digest) \
     LIMIT $1)",
    "DELETE FROM supersedence WHERE (update_id, digest) IN (SELECT i.update_id, i.digest FROM supersedence AS i \
     WHERE NOT EXISTS (SELECT 1 FROM update_revision AS r WHERE r.update_id = i.update_id AND r.digest = i.digest) \
     LIMIT $1)",
];

/// What an import leaves on its feed when it ends well.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The generation to make current.
    pub generation: i64,
    /// Validators and digest.
    pub fingerprint: Option<String>,
    /// The catalogue's own date.
    pub catalogue_date: Option<Timestamp>,
}

/// Takes the feed's next generation. Two imports of one feed never share one.
///
/// # Errors
/// `NotFound` when the feed does not exist or was removed.
pub async fn begin_generation(w: &mut Write<'_>, feed: FeedId) -> Result<i64> {
    const TAKE: &str = "UPDATE feed SET next_generation = next_generation + 1 \
         WHERE feed_id = $1 AND removed_at IS NULL RETURNING next_generation - 1 AS number";
    let taken = w.first::<Number>("begin an import", TAKE, args![feed]).await?;
    taken.map(|row| row.number).ok_or_else(|| DbError::not_found("feed", feed))
}

/// Makes the generation current and brings the derived columns of the bulletins that it touches up to date.
///
/// # Errors
/// `Refused` when the generation is not newer than the current one.
pub async fn switch_generation(w: &mut Write<'_>, feed: FeedId, switch: &Switch) -> Result<()> {
    const WHAT: &str = "make a catalogue current";
    const SWITCH: &str = "UPDATE feed SET current_generation = $2, fingerprint = $3, catalogue_date = $4 \
         WHERE feed_id = $1 AND current_generation < $2 AND next_generation > $2";
    let values = args![feed, switch.generation, switch.fingerprint.as_deref(), switch.catalogue_date];
    if w.run(WHAT, SWITCH, values).await? == 0 {
        return Err(DbError::Refused(format!(
            "generation {} of feed {feed} is not newer than the current one: another import was faster",
            switch.generation
        )));
    }
    derived::generation(w, feed, switch.generation).await?;
    w.audit("feed.import", format!("feed {feed}"), None, Some(format!("generation {}", switch.generation)));
    Ok(())
}

/// Drops what imports wrote that never ended, of one feed or of all. At start, and after a failed import.
/// The caller makes sure that no import of these feeds is running.
///
/// # Errors
/// When the database fails.
pub async fn drop_crashed_generations(w: &mut Write<'_>, feed: Option<FeedId>) -> Result<u64> {
    const WHAT: &str = "drop what a crashed import wrote";
    let one = feed.map(|id| id.to_string()).unwrap_or_default();
    let mut dropped = 0;
    for statement in DROP {
        dropped += w.run(WHAT, *statement, args![&one]).await?;
    }
    Ok(dropped)
}

/// Deletes up to `limit` rows that no reader can see any more. 0: nothing was left.
///
/// # Errors
/// When the database fails.
pub async fn collect_garbage(w: &mut Write<'_>, limit: u32) -> Result<u64> {
    const WHAT: &str = "delete what no reader can see";
    let mut gone = 0;
    for statement in GARBAGE {
        let left = u64::from(limit).saturating_sub(gone);
        if left > 0 {
            gone += w.run(WHAT, *statement, args![left]).await?;
        }
    }
    Ok(gone)
}
