//! How often the fault suites do what they do: a few times whenever everything is tested, and once for each release the
//! full count that the acceptance rows ask for.

/// Sets it: a number multiplies the few, `full` asks for all.
const VARIABLE: &str = "PATCHWHARF_FAULT_SCALE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Times(usize),
    Full,
}

impl Scale {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "full" => Some(Self::Full),
            _ => text.parse().ok().filter(|times| *times > 0).map(Self::Times),
        }
    }

    fn count(self, few: usize, full: usize) -> usize {
        match self {
            Self::Times(times) => few.saturating_mul(times).min(full),
            Self::Full => full,
        }
    }
}

/// How often: `few` times, unless `PATCHWHARF_FAULT_SCALE` says `full` or by how much to multiply; never more than `full`.
///
/// # Panics
/// When the variable says something else.
#[must_use]
pub fn times(few: usize, full: usize) -> usize {
    let scale = std::env::var(VARIABLE).map_or(Some(Scale::Times(1)), |text| Scale::parse(&text));
    scale.unwrap_or_else(|| panic!("{VARIABLE} is a number above 0, or full")).count(few, full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_multiplies_up_to_the_full_count() {
        let count = |text| Scale::parse(text).map(|scale| scale.count(20, 500));
        assert_eq!(count("1"), Some(20));
        assert_eq!(count("5"), Some(100));
        assert_eq!(count("50"), Some(500));
        assert_eq!(count("full"), Some(500));
        for nonsense in ["", "0", "-1", "all", "2.5"] {
            assert_eq!(count(nonsense), None, "{nonsense}");
        }
    }
}
