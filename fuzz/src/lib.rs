//! What the targets share.

use std::{
    fmt::Debug,
    panic,
    sync::{Once, OnceLock},
};

use patchwharf_feeds::Limits;
use serde::{Serialize, de::DeserializeOwned};

/// The limits of the parser process with less room, so that one input stays within the memory of a run.
pub fn limits() -> &'static Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    LIMITS.get_or_init(|| Limits { unpacked_bytes: 16 << 20, entry_bytes: 1 << 20, ..Limits::default() })
}

/// Lets the LZX decoder panic: where arithmetic is checked it does so on some broken input, and the reader of cabinets
/// catches that and refuses the cabinet. The hook of libFuzzer would end the process before it can. Any other panic
/// still ends it.
pub fn let_lzx_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ends = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|place| place.file().contains("lzxd-")) {
                ends(panic);
            }
        }));
    });
}

/// Reads JSON as a `T`. What can be read can be written, and is the same when it is read again.
pub fn same_again<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(json).ok()?;
    let text = serde_json::to_vec(&value).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<T>(&text).expect("and read again"), value);
    Some(value)
}
