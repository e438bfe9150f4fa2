//! The API and the command line from outside: the real server, asked over HTTP. The modules mirror the routes.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod access;
mod adopt;
mod auth;
mod bulletins;
mod busy;
mod cli;
mod dashboard;
mod document;
mod download;
mod feeds;
mod health;
mod injection;
mod integrity;
mod jobs;
mod locations;
mod logs;
mod packages;
mod policies;
mod port;
mod postgres;
mod schema;
mod settings;
mod strict;
mod tls;
mod unused;
mod uploads;
mod world;
