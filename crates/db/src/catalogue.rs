//! Writing a catalogue: generations.
//!
//! An import takes a generation ([`begin_generation`]), writes only what is new or changed in batches (one
//! transaction each), counts in batches what lists will show of its bulletins ([`Counting`]), and makes it current in one
//! short transaction ([`switch_generation`]). Until then no reader sees any of it; a crashed import is dropped by
//! [`drop_crashed_generations`].

mod bulletins;
mod counting;
mod generation;
mod identity;
mod known;
mod lost;
mod revision;
mod updates;

pub use bulletins::{BulletinStanding, NewBulletin, put_bulletins, set_bulletin_standing};
pub use counting::{Counted, Counting};
pub use generation::{
    Switch, begin_generation, collect_garbage, drop_crashed_generations, must_be_newest, switch_generation,
};
pub use known::{KnownBulletin, KnownUpdate, known_bulletins, known_updates};
pub use lost::{LostUpdate, make_known, under_other_ids};
pub use updates::{NewUpdate, PutUpdate, UpdateStanding, put_supersedence, put_updates, set_update_standing};
