//! The life of a generation: taken, switched to, dropped, collected.

use jiff::Timestamp;
use patchwharf_model::FeedId;

use super::counting::Counted;
use crate::{
    DbError, Result, Write,
    sql::{IntoValue, Number, args},
};

/// What never became current goes, what it had ended comes back. Counts first: as long as they are there, all that they
/// count is there.
const DROP: &[&str] = &[
    "DELETE FROM bulletin_count WHERE (bulletin_id, from_gen) IN (SELECT c.bulletin_id, c.from_gen FROM feed AS f \
     CROSS JOIN bulletin_count AS c WHERE ($2 = '' OR f.feed_id = $2) AND c.feed_id = f.feed_id \
     AND c.from_gen > f.current_generation LIMIT $1)",
    "UPDATE bulletin_count SET to_gen = NULL WHERE (bulletin_id, from_gen) IN (SELECT c.bulletin_id, c.from_gen \
     FROM feed AS f CROSS JOIN bulletin_count AS c WHERE ($2 = '' OR f.feed_id = $2) AND c.feed_id = f.feed_id \
     AND c.to_gen > f.current_generation LIMIT $1)",
    "DELETE FROM update_revision WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen FROM feed AS f \
     CROSS JOIN update_revision AS r WHERE ($2 = '' OR f.feed_id = $2) AND r.feed_id = f.feed_id \
     AND r.from_gen > f.current_generation LIMIT $1)",
    "UPDATE update_revision SET to_gen = NULL WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen \
     FROM feed AS f CROSS JOIN update_revision AS r WHERE ($2 = '' OR f.feed_id = $2) AND r.feed_id = f.feed_id \
     AND r.to_gen > f.current_generation LIMIT $1)",
    "DELETE FROM bulletin_revision WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen FROM feed AS f \
     CROSS JOIN bulletin_revision AS r WHERE ($2 = '' OR f.feed_id = $2) AND r.feed_id = f.feed_id \
     AND r.from_gen > f.current_generation LIMIT $1)",
    "UPDATE bulletin_revision SET to_gen = NULL WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen \
     FROM feed AS f CROSS JOIN bulletin_revision AS r WHERE ($2 = '' OR f.feed_id = $2) AND r.feed_id = f.feed_id \
     AND r.to_gen > f.current_generation LIMIT $1)",
];

/// Ended revisions and counts, then items and edges that no revision has any more.
const GARBAGE: &[&str] = &[
    "DELETE FROM update_revision WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen FROM feed AS f \
     JOIN update_revision AS r ON r.feed_id = f.feed_id AND r.to_gen <= f.current_generation LIMIT $1)",
    "DELETE FROM bulletin_revision WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen FROM feed AS f \
     JOIN bulletin_revision AS r ON r.feed_id = f.feed_id AND r.to_gen <= f.current_generation LIMIT $1)",
    "DELETE FROM bulletin_count WHERE (bulletin_id, from_gen) IN (SELECT c.bulletin_id, c.from_gen FROM feed AS f \
     JOIN bulletin_count AS c ON c.feed_id = f.feed_id AND c.to_gen <= f.current_generation LIMIT $1)",
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
    /// The generation to make current, with its counts.
    pub counted: Counted,
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

/// Makes sure, before something is written under a generation, that no other import of the feed has begun since: it would
/// have dropped what this one wrote, and would show what this one writes now.
///
/// # Errors
/// `Refused` when one has.
pub async fn must_be_newest(w: &mut Write<'_>, feed: FeedId, generation: i64) -> Result<()> {
    const NEWEST: &str = "SELECT next_generation - 1 AS number FROM feed WHERE feed_id = $1";
    match w.first::<Number>("look for another import", NEWEST, args![feed]).await? {
        Some(newest) if newest.number == generation => Ok(()),
        _ => Err(overtaken(feed, generation)),
    }
}

fn overtaken(feed: FeedId, generation: i64) -> DbError {
    let text = "another import of this feed has begun since; what it brings counts";
    DbError::Refused(format!("generation {generation} of feed {feed}: {text}"))
}

/// Makes the generation current: one row changes, however large the catalogue is. What readers see of bulletins was
/// counted before ([`super::Counting`]).
///
/// # Errors
/// `Refused` when another import of the feed has begun since.
pub async fn switch_generation(w: &mut Write<'_>, switch: &Switch) -> Result<()> {
    const WHAT: &str = "make a catalogue current";
    const SWITCH: &str = "UPDATE feed SET current_generation = $2, fingerprint = $3, catalogue_date = $4 \
         WHERE feed_id = $1 AND current_generation < $2 AND next_generation = $2 + 1";
    let Counted { feed, generation } = switch.counted;
    let values = args![feed, generation, switch.fingerprint.as_deref(), switch.catalogue_date];
    if w.run(WHAT, SWITCH, values).await? == 0 {
        return Err(overtaken(feed, generation));
    }
    w.audit("feed.import", format!("feed {feed}"), None, Some(format!("generation {generation}")));
    Ok(())
}

/// Drops up to `limit` rows of what imports wrote that never ended, of one feed or of all. 0: nothing was left. Before
/// that, what is left is as invisible as before. At start, and after a failed import.
/// The caller makes sure that no import of these feeds is running.
///
/// # Errors
/// When the database fails.
pub async fn drop_crashed_generations(w: &mut Write<'_>, feed: Option<FeedId>, limit: u32) -> Result<u64> {
    let one = feed.map(|id| id.to_string()).unwrap_or_default();
    in_turn(w, "drop what a crashed import wrote", DROP, limit, Some(one)).await
}

/// Deletes up to `limit` rows that no reader can see any more. 0: nothing was left.
///
/// # Errors
/// When the database fails.
pub async fn collect_garbage(w: &mut Write<'_>, limit: u32) -> Result<u64> {
    in_turn(w, "delete what no reader can see", GARBAGE, limit, None).await
}

/// Executes statements that each take a number of rows as `$1`, each only when the one before has nothing left to do.
async fn in_turn(
    w: &mut Write<'_>,
    what: &'static str,
    statements: &[&'static str],
    limit: u32,
    of: Option<String>,
) -> Result<u64> {
    let mut done = 0;
    for statement in statements {
        let left = u64::from(limit).saturating_sub(done);
        if left > 0 {
            let values = args![left].into_iter().chain(of.as_ref().map(IntoValue::into_value)).collect();
            done += w.run(what, *statement, values).await?;
        }
    }
    Ok(done)
}
