//! Random choices that can be made again: the seed is printed, and `PATCHWHARF_FAULT_SEED` sets it.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// A source of random choices for one test.
#[derive(Clone, Debug)]
pub struct Chance {
    rng: StdRng,
    seed: u64,
}

impl Chance {
    /// A new one; prints how to repeat the run.
    #[must_use]
    pub fn new(test: &str) -> Self {
        let given = std::env::var("PATCHWHARF_FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(rand::random);
        eprintln!("{test}: PATCHWHARF_FAULT_SEED={seed}");
        Self { rng: StdRng::seed_from_u64(seed), seed }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number in `0..end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.gen_range(0..end)
    }

    /// A number between two, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        self.rng.gen_range(first..=last)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Another source that this one determines.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        let seed = self.rng.r#gen();
        Self { rng: StdRng::seed_from_u64(seed), seed }
    }
}

/// Says why a test did not do what it is for. The runner collects these lines.
pub fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}
