//! A PostgreSQL database for one test.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

/// A database that is dropped with this value.
#[derive(Debug)]
pub(super) struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// URL of the PostgreSQL server to use; its user may create databases.
    pub(super) fn server_url() -> Option<String> {
        std::env::var("PATCHWHARF_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
    }

    pub(super) async fn create() -> Self {
        let server = Self::server_url().expect("PATCHWHARF_TEST_POSTGRES names a server");
        let name = format!("patchwharf_test_{}", Uuid::now_v7().simple());
        run(&server, &format!("CREATE DATABASE {name}")).await.expect("the user may create databases");
        Self { server, name }
    }

    /// The server's URL with this database's name in place of the maintenance database's.
    pub(super) fn url(&self) -> String {
        let (before, query) = self.server.split_once('?').map_or((self.server.as_str(), None), |(b, q)| (b, Some(q)));
        let authority = before.find("://").map_or(0, |at| at + 3);
        let end = before[authority..].find('/').map_or(before.len(), |at| authority + at);
        let query = query.map_or(String::new(), |q| format!("?{q}"));
        format!("{}/{}{query}", &before[..end], self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&server, &drop))
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("the test database {} stays: {error}", self.name);
        }
    }
}

async fn run(server: &str, statement: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}
