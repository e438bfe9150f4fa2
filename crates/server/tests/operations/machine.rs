//! The operations against a model of them: any sequence of {stage, refresh, relocate, undo, prune, delete, disable}, with
//! the server stopped in the middle of some, leaves every package where the model says, whole, and its originals too.

use std::collections::{BTreeMap, BTreeSet};

use patchwharf_db::{bulletins, packages};
use patchwharf_model::{
    LocationId, Timestamp,
    job::{JobRequest, Selection},
};
use patchwharf_testkit::Payload;
use proptest::prelude::*;

use crate::world::World;

const BULLETINS: [&str; 3] = ["B-1", "B-2", "B-3"];

#[derive(Clone, Copy, Debug)]
enum Act {
    Stage(usize),
    /// Its file rots, and is mended.
    Refresh(usize),
    /// Everything, or one bulletin's package, goes to one of the two places.
    Relocate(Option<usize>, usize),
    /// Everything, or one bulletin's package, goes back to its original there.
    Undo(Option<usize>, usize),
    /// The originals at a place go.
    Prune(usize),
    Delete(usize),
    Disable(usize, bool),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    act: Act,
    /// The server is stopped as soon as the job was ordered, and started again.
    stopped: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let (n, place) = (0..BULLETINS.len(), 0_usize..2);
    let some = prop_oneof![2 => Just(None), 1 => n.clone().prop_map(Some)];
    let act = prop_oneof![
        3 => n.clone().prop_map(Act::Stage),
        2 => n.clone().prop_map(Act::Refresh),
        5 => (some.clone(), place.clone()).prop_map(|(of, to)| Act::Relocate(of, to)),
        3 => (some, place.clone()).prop_map(|(of, to)| Act::Undo(of, to)),
        3 => place.prop_map(Act::Prune),
        1 => n.clone().prop_map(Act::Delete),
        1 => (n, any::<bool>()).prop_map(|(n, enabled)| Act::Disable(n, enabled)),
    ];
    (act, prop::bool::weighted(0.25)).prop_map(|(act, stopped)| Step { act, stopped })
}

/// Where a package is served from, and where originals of that version lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Placed {
    at: usize,
    originals: BTreeSet<usize>,
}

struct Machine {
    world: World,
    places: [LocationId; 2],
    payloads: Vec<Payload>,
    model: BTreeMap<usize, Placed>,
}

impl Machine {
    async fn start() -> Self {
        let world = World::start().await;
        let payloads: Vec<Payload> =
            BULLETINS.iter().map(|name| Payload::random(format!("{name}.exe"), 40_000)).collect();
        let all: Vec<_> =
            BULLETINS.iter().zip(&payloads).map(|(name, payload)| (*name, vec![world.publish(payload)])).collect();
        world.catalogue(&all).await;
        let first = world.app().locations.default_location().unwrap().id();
        let second = world.location("there", false).await;
        Self { world, places: [first, second], payloads, model: BTreeMap::new() }
    }

    /// The wish for the packages of some bulletins: those that have one.
    async fn of(&self, n: Option<usize>) -> Selection {
        match n {
            None => Selection::All,
            Some(n) => self.world.of(&[BULLETINS[n]]).await,
        }
    }

    fn is_of(n: Option<usize>, one: usize) -> bool {
        n.is_none_or(|n| n == one)
    }

    async fn apply(&mut self, step: Step) {
        let Some(request) = self.request(step.act).await else { return };
        let job = self.world.order(request).await;
        if step.stopped {
            self.world.stop_server().await;
            self.world.run_server().await;
        }
        let ended = self.world.ended(job).await;
        // Of a version that was replaced, a copy may be damaged: that is named.
        let may_fail = matches!(step.act, Act::Prune(_) | Act::Undo(..));
        if !may_fail {
            ended.done();
        }
    }

    /// What is ordered, and what the model becomes by it; none: nothing is to be ordered.
    async fn request(&mut self, act: Act) -> Option<JobRequest> {
        match act {
            Act::Stage(n) => {
                self.model.entry(n).or_default();
                Some(JobRequest::Stage { of: self.of(Some(n)).await })
            }
            Act::Refresh(n) => {
                let placed = self.model.get_mut(&n)?;
                // The next version has no originals.
                placed.originals.clear();
                let file = self.world.folder(BULLETINS[n]).await.join(format!("{}.exe", BULLETINS[n]));
                std::fs::write(file, b"rot").unwrap();
                Some(JobRequest::RefreshQuick { of: self.of(Some(n)).await })
            }
            Act::Relocate(of, to) => {
                for (_, placed) in self.model.iter_mut().filter(|(n, placed)| Self::is_of(of, **n) && placed.at != to) {
                    placed.originals.insert(placed.at);
                    placed.originals.remove(&to);
                    placed.at = to;
                }
                let (of, from, to) = (self.of(of).await, Some(self.places[1 - to]), self.places[to]);
                Some(JobRequest::Relocate { of, from, to, link: false, restage: false, dry_run: false })
            }
            Act::Undo(of, to) => {
                for (_, placed) in self.model.iter_mut().filter(|(n, _)| Self::is_of(of, **n)) {
                    if placed.originals.remove(&to) {
                        placed.originals.insert(placed.at);
                        placed.at = to;
                    }
                }
                let (of, from, to) = (self.of(of).await, self.places[1 - to], self.places[to]);
                Some(JobRequest::UndoRelocation { of, from, to, dry_run: false })
            }
            Act::Prune(at) => {
                for placed in self.model.values_mut() {
                    placed.originals.remove(&at);
                }
                let (of, location, before) = (Selection::All, self.places[at], Timestamp::MAX);
                Some(JobRequest::Prune { of, location, before, dry_run: false })
            }
            Act::Delete(n) => {
                self.model.remove(&n)?;
                let packages = vec![self.world.update(BULLETINS[n]).await.package_id.unwrap()];
                Some(JobRequest::Delete { packages, although_needed: false })
            }
            Act::Disable(n, enabled) => {
                let id = self.world.bulletin(BULLETINS[n]).await;
                let mut w = self.world.app().db.write("test", "test", self.world.clock.now()).await.unwrap();
                bulletins::set_enabled(&mut w, &[id], enabled).await.unwrap();
                w.commit().await.unwrap();
                None
            }
        }
    }

    async fn judge(&self, steps: &[Step]) {
        for (n, name) in BULLETINS.iter().enumerate() {
            let Some(placed) = self.model.get(&n) else {
                assert_eq!(self.world.update(name).await.package_id, None, "{name} after {steps:#?}");
                continue;
            };
            self.world.assert_staged(name, &[&self.payloads[n]]).await;
            let at = self.world.location_of(name).await;
            let update = self.world.update(name).await;
            let key = (update.package_id.unwrap(), update.current_version.unwrap());
            let originals = packages::originals_of(&self.world.app().db, &[key]).await.unwrap();
            let place = |id: LocationId| self.places.iter().position(|place| *place == id).unwrap();
            let found =
                Placed { at: place(at), originals: originals.iter().map(|one| place(one.location_id)).collect() };
            assert_eq!(&found, placed, "{name} after {steps:#?}");
            for original in &placed.originals {
                let folder = self.world.folder_at(name, self.places[*original]).await;
                let bytes = std::fs::read(folder.join(format!("{name}.exe"))).unwrap();
                assert!(bytes == self.payloads[n].bytes, "the original of {name} after {steps:#?}");
            }
        }
    }
}

/// Few in every test run, many in a soak.
fn cases() -> u32 {
    patchwharf_testkit::times(6, 300).try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(), failure_persistence: None, max_shrink_iters: 30, ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_operations_leaves_each_package_whole_where_it_should_be(
        steps in prop::collection::vec(step(), 4..16)
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut machine = Machine::start().await;
            // So that there is something to work on.
            for n in 0..2 {
                machine.apply(Step { act: Act::Stage(n), stopped: false }).await;
            }
            for (n, step) in steps.iter().enumerate() {
                machine.apply(*step).await;
                machine.judge(&steps[..=n]).await;
            }
            machine.world.check().await;
        });
    }
}
