//! Advisories as a list and as an archive.

use patchwharf_testkit::apt::{Advisory, dsa_list, osv_zip};

use crate::{Seed, seed};

pub(crate) fn seeds() -> Vec<Seed> {
    let all = [
        Advisory::new("DSA-5380-1", "2026-03-29", "xorg-server", "2:21.1.7-2", &["CVE-2026-1393"]),
        Advisory::new("DSA-5381-1", "2026-04-02", "xorg-server", "2:21.1.7-3", &["CVE-2026-1394", "CVE-2026-1395"]),
        Advisory::new("DSA-5382-1", "2026-04-03", "curl", "7.88.1-10+deb12u1", &[]),
    ];
    let list = dsa_list(&all);
    let remarks = format!("{list}\tNOTE: a remark\n\t[bullseye] - curl 1.0\n\t[bookworm] - curl <not-affected>\n");
    vec![
        seed("list", list),
        seed("list-with-remarks", remarks),
        seed("archive", osv_zip(&all)),
        seed("empty-archive", osv_zip(&[])),
    ]
}
