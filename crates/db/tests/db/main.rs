//! One suite, run on SQLite and on PostgreSQL.
//!
//! `PATCHWHARF_TEST_POSTGRES=postgres://user:password@host:port/postgres` names a server where databases may be made;
//! without it the PostgreSQL half is skipped and says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, unreachable_pub, missing_docs)]

mod accounts;
mod bulletins;
mod catalogue;
mod durability;
mod findings;
mod generations;
mod history;
mod jobs;
mod logs;
mod migration;
mod packages;
mod policies;
mod rebuild;
mod relocate;
mod sandbox;
mod schema;
mod search;
mod settings;
mod speed;
mod unused;

/// Declares each test once and runs it on both back ends.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    let sandbox = crate::sandbox::Sandbox::sqlite().await;
                    super::$test(&sandbox).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    if let Some(sandbox) = crate::sandbox::Sandbox::postgres().await {
                        super::$test(&sandbox).await;
                        sandbox.close().await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_both;
