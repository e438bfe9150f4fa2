//! The half of fault injection that exists only with the feature `faults`: reads the environment once, counts passes.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};

use super::{Mutant, Step};

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Panic,
    Error,
    Sleep(Duration),
    Kill,
    Stop,
    /// Work without end.
    Spin,
    /// Ask for memory, up to [`FILL_BYTES`].
    Fill,
}

const FAULT: &str = "PATCHWHARF_FAULT";
const FILL_BYTES: usize = 10 << 30;
const FILL_PIECE_BYTES: usize = 64 << 20;

struct Armed {
    step: Step,
    action: Action,
    /// At which pass, counted from 1; none: at every one.
    nth: Option<u64>,
    passes: AtomicU64,
}

fn faults() -> &'static [Armed] {
    static FAULTS: OnceLock<Vec<Armed>> = OnceLock::new();
    FAULTS.get_or_init(|| {
        let text = std::env::var(FAULT).unwrap_or_default();
        text.split(',').filter(|one| !one.is_empty()).map(parsed).collect()
    })
}

#[allow(clippy::panic, reason = "a test that misspells a fault must not pass")]
fn parsed(text: &str) -> Armed {
    parse(text).unwrap_or_else(|| {
        panic!("{FAULT}={text:?}: want <step>:<panic|error|sleep-MS|kill|stop|spin|fill>[:<n-th time>]")
    })
}

fn parse(text: &str) -> Option<Armed> {
    let mut parts = text.split(':');
    let step = parts.next()?;
    let step = Step::ALL.iter().copied().find(|s| s.name() == step)?;
    let action = match parts.next()? {
        "panic" => Action::Panic,
        "error" => Action::Error,
        "kill" => Action::Kill,
        "stop" => Action::Stop,
        "spin" => Action::Spin,
        "fill" => Action::Fill,
        sleep => Action::Sleep(Duration::from_millis(sleep.strip_prefix("sleep-")?.parse().ok()?)),
    };
    let nth = match parts.next() {
        None => None,
        Some(n) => Some(n.parse().ok()?),
    };
    parts.next().is_none().then_some(Armed { step, action, nth, passes: AtomicU64::new(0) })
}

#[allow(clippy::panic, reason = "the action that was asked for")]
pub(super) fn at(step: Step) -> io::Result<()> {
    for fault in faults().iter().filter(|f| f.step == step) {
        let pass = fault.passes.fetch_add(1, Ordering::Relaxed) + 1;
        if fault.nth.is_some_and(|nth| nth != pass) {
            continue;
        }
        match fault.action {
            Action::Panic => panic!("fault asked for at {}", step.name()),
            Action::Error => return Err(io::Error::other(format!("fault asked for at {}", step.name()))),
            Action::Sleep(time) => std::thread::sleep(time),
            Action::Kill => kill_process(getpid(), Signal::KILL)?,
            Action::Stop => kill_process(getpid(), Signal::STOP)?,
            Action::Spin => loop {
                std::hint::spin_loop();
            },
            Action::Fill => {
                let pieces: Vec<Vec<u8>> =
                    (0..FILL_BYTES / FILL_PIECE_BYTES).map(|_| vec![1; FILL_PIECE_BYTES]).collect();
                std::hint::black_box(pieces);
            }
        }
    }
    Ok(())
}

pub(super) fn environment() -> Option<(&'static str, String)> {
    std::env::var(FAULT).ok().map(|text| (FAULT, text))
}

pub(super) fn mutant(mutant: Mutant) -> bool {
    static MUTANTS: OnceLock<Vec<Mutant>> = OnceLock::new();
    let on = MUTANTS.get_or_init(|| {
        let text = std::env::var("PATCHWHARF_MUTANT").unwrap_or_default();
        text.split(',').filter(|one| !one.is_empty()).map(known_mutant).collect()
    });
    on.contains(&mutant)
}

#[allow(clippy::panic, reason = "a test that misspells a mutant must not pass")]
fn known_mutant(name: &str) -> Mutant {
    Mutant::ALL.iter().copied().find(|m| m.name() == name).unwrap_or_else(|| panic!("no mutant is called {name:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_fault_is_a_step_an_action_and_maybe_a_count() {
        let fault = parse("place.before-rename:kill:3").unwrap();
        assert_eq!((fault.step, fault.action, fault.nth), (Step::PlaceBeforeRename, Action::Kill, Some(3)));
        let fault = parse("commit.after:sleep-250").unwrap();
        assert_eq!((fault.action, fault.nth), (Action::Sleep(Duration::from_millis(250)), None));
        for bad in
            ["", "commit.after", "no.such:kill", "commit.after:burn", "commit.after:kill:x", "commit.after:kill:1:2"]
        {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }
}
