//! Settings of the process that reads catalogues.

use std::time::Duration;

use patchwharf_model::span;

use super::{ConfigError, section};
use crate::parse_feed::ParserLimits;

/// The least memory with which the process can start and read anything.
const LEAST_MEMORY_BYTES: u64 = 64 << 20;

section! {
    /// What the process that reads a catalogue may use. One that needs more is ended, and costs its import.
    pub struct ParserConfig {
        /// Address space, in bytes.
        memory_bytes: u64 = 2 << 30;
        /// Processor time.
        #[serde(with = "span")]
        cpu: Duration = Duration::from_secs(600);
        /// Time by the clock.
        #[serde(with = "span")]
        wall: Duration = Duration::from_secs(1_800);
    }
}

impl ParserConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let value = |setting, reason: &str| Err(ConfigError::Value { setting, reason: reason.to_owned() });
        if self.memory_bytes < LEAST_MEMORY_BYTES {
            return value(
                "parser.memory-bytes",
                "no catalogue can be read with so little; use 67108864 (64 MiB) or more",
            );
        }
        if self.cpu.as_secs() == 0 || self.wall.as_secs() == 0 {
            return value("parser.cpu, parser.wall", "no catalogue can be read in no time; use 1s or more");
        }
        Ok(())
    }

    /// For the process.
    #[must_use]
    pub fn limits(&self) -> ParserLimits {
        ParserLimits {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu.as_secs(),
            wall_seconds: self.wall.as_secs(),
        }
    }
}
