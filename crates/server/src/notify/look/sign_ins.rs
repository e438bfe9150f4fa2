//! Somebody guesses passwords.

use std::sync::Arc;

use super::{
    super::{Trouble, message::Line},
    LIMIT, own,
};
use crate::{
    app::App,
    words::{count, harmless},
};

/// Failures of one account or source that are no mistyping any more.
const MANY: u32 = 20;

pub(super) fn look(app: &Arc<App>) -> Trouble {
    trouble(own(app, "sign-ins"), &app.attempts.many(MANY, app.clock.instant()))
}

fn trouble(kind: String, many: &[(String, u32)]) -> Trouble {
    let line = |(who, failures): &(String, u32)| Line {
        item: harmless(who),
        reason: format!("{} of late; each further attempt has to wait", count((*failures).into(), "failed sign-in")),
    };
    Trouble {
        kind,
        count: many.len() as u64,
        headline: "somebody guesses passwords".into(),
        well: "nobody guesses passwords any more",
        lines: many.iter().take(LIMIT as usize).map(line).collect(),
        advice: "`patchwharf audit list --action sign-in` names addresses and accounts.".into(),
        // More of the same is no other trouble.
        same: if many.is_empty() { String::new() } else { "guesses".into() },
        is_event: false,
        seen: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_05_many_failures_are_told_once() {
        let few = trouble("sign-ins".into(), &[]);
        assert_eq!((few.count, few.same.as_str()), (0, ""));
        let one = trouble("sign-ins".into(), &[("192.0.2.1".into(), 24)]);
        assert_eq!((one.count, one.lines[0].item.as_str()), (1, "192.0.2.1"));
        let more = trouble("sign-ins".into(), &[("192.0.2.1".into(), 25), ("account anna".into(), 22)]);
        assert_eq!(more.same, one.same);
    }
}
