//! Real catalogues, where they are at hand: `PATCHWHARF_SAMPLES`, else a folder `shared/samples` near the workspace.

use std::path::{Path, PathBuf};

/// The path of a sample; none, with a line that says so, where it is not at hand.
pub(crate) fn sample(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = match std::env::var_os("PATCHWHARF_SAMPLES") {
        Some(folder) => Some(PathBuf::from(folder).join(name)),
        None => ["../../../shared/samples", "../../../../shared/samples"]
            .into_iter()
            .map(|folder| here.join(folder).join(name))
            .find(|path| path.exists()),
    };
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        patchwharf_testkit::skipped(&format!("the sample {name} is not at hand (PATCHWHARF_SAMPLES names its folder)"));
    }
    found
}
