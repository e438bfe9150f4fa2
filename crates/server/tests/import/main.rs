//! Imports by the real server: from vendors on loopback, into both kinds of catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod apt;
mod authorities;
mod held;
mod hostile;
mod huge;
mod parser;
mod real;
mod rig;
mod rules;
mod sdp;
