//! Amounts of bytes as people write them: `50MiB`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount of bytes; written as a number with a unit, or without one for bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// A text that is no amount of bytes.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no amount of bytes: write a whole number with B, KiB, MiB, GiB or TiB (or kB, MB, GB, TB for powers of 1000)"
)]
pub struct BadSize(String);

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

impl FromStr for ByteSize {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let bad = || BadSize(text.chars().take(100).collect());
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim_start().to_ascii_lowercase();
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        number.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
        let steps = if self.0 == 0 { 0 } else { (self.0.trailing_zeros() / 10).min(4) };
        write!(f, "{}{}", self.0 >> (10 * steps), NAMES[steps as usize])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("50MiB", 50 << 20), ("50 mib", 50 << 20), ("1GB", 1_000_000_000), ("7B", 7)]
        {
            assert_eq!(text.parse::<ByteSize>().unwrap(), ByteSize(bytes), "{text}");
        }
        for bad in ["", "MiB", "5M", "1.5GiB", "-1", "99999999TiB", "1 Gi B"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for bytes in [0, 1, 1023, 1024, 50 << 20, 1_000_000, 3 << 40, u64::MAX] {
            assert_eq!(ByteSize(bytes).to_string().parse::<ByteSize>().unwrap(), ByteSize(bytes));
        }
        assert_eq!(ByteSize(50 << 20).to_string(), "50MiB");
    }
}
