//! The API from outside: the real server, asked over HTTP. The modules mirror the routes.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod document;
