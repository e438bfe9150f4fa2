//! The name of a moment as a folder: `20261122T104519.123456Z`.

use patchwharf_model::Timestamp;

pub(super) fn name(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%S.%6fZ").to_string()
}

pub(super) fn of(name: &str) -> Option<Timestamp> {
    name.parse().ok().filter(|time| self::name(*time) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_can_be_read_back_from_its_name() {
        let Ok(time) = Timestamp::from_microsecond(1_795_000_000_000_120) else { return };
        assert_eq!(of(&name(time)), Some(time));
        assert_eq!(of("yesterday"), None);
    }
}
