//! The patchwharf server: jobs, operations, API, package server and CLI
