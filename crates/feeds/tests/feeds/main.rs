//! The readers of catalogues on good, real, broken and hostile input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod cab;
mod raw_cabinet;
mod samples;
mod sdp;
