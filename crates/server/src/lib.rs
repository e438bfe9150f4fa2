//! The patchwharf server: jobs, operations, API, package server and CLI.

pub mod api;
pub mod app;
mod bandwidth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod fetch;
pub mod jobs;
mod locations;
pub mod logs;
pub mod metrics;
pub mod operations;
pub mod parse_feed;
mod quickstart;
pub mod serve;
mod settings;
pub mod start;
mod words;
