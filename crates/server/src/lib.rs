//! The patchwharf server: jobs, operations, API, package server and CLI.

pub mod api;
pub mod app;
mod backup;
mod bandwidth;
pub mod cli;
pub mod clock;
pub mod config;
mod csv;
pub mod fetch;
mod files;
mod init;
pub mod jobs;
mod locations;
pub mod logs;
pub mod metrics;
pub mod notify;
mod offline;
pub mod operations;
pub mod parse_feed;
mod quickstart;
mod restore;
pub mod retention;
pub mod serve;
mod settings;
pub mod start;
pub mod token;
mod words;
