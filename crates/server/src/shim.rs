//! Stand-ins until the crates `db`, `store` and `trust` bring their types; deleted then.
#![allow(missing_docs, unreachable_pub)]

#[derive(Clone, Debug)]
pub struct Location;

#[derive(Clone, Debug)]
pub struct Verified;

#[derive(Clone, Debug)]
pub struct SigningKey;
