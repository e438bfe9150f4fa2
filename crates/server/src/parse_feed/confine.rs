//! What the parser gives up before it reads a byte.

use rustix::{
    process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit},
    thread::UnshareFlags,
};

use super::ParserLimits;

/// Gives up what is not needed. What the system does not allow to be given up is named on standard error, which goes to
/// the server's log: the parser works without.
pub(super) fn confine(limits: &ParserLimits) {
    let nothing = |what: &str, error: rustix::io::Errno| eprintln!("the parser keeps {what}: {error}");
    for (what, resource, most, at_last) in [
        ("its memory limit", Resource::As, limits.memory_bytes, 0),
        // SIGXCPU at the limit says what happened; SIGKILL comes to what goes on after it.
        ("its limit of processor time", Resource::Cpu, limits.cpu_seconds, 5),
        ("the right to write files", Resource::Fsize, 0, 0),
        ("the right to leave core dumps", Resource::Core, 0, 0),
        ("its number of open files", Resource::Nofile, 64, 0),
        ("the right to start processes", Resource::Nproc, 0, 0),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(most.saturating_add(at_last)) };
        if let Err(error) = setrlimit(resource, limit) {
            nothing(what, error);
        }
    }
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        nothing("running when the server dies", error);
    }
    #[expect(deprecated, reason = "the replacement is `unsafe` for flags that are not used here")]
    let unshared = rustix::thread::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET);
    if let Err(error) = unshared {
        nothing("the network", error);
    }
    if let Err(error) = rustix::thread::set_no_new_privs(true) {
        nothing("the right to gain rights", error);
    }
}
