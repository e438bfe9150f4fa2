//! W-19: secrets are in no log, whatever its level.

use patchwharf_testkit::{Server, server::TEST_CONFIG};

const CANARY: &str = "canary-41c7-proxy";

#[tokio::test]
async fn w_19_neither_token_nor_proxy_password_is_logged() {
    let config = TEST_CONFIG.replace("filter = 'debug,hyper=info,sqlx=warn,h2=info,reqwest=info'", "filter = 'trace'");
    assert!(config.contains("'trace'"));
    let mut server = Server::setup(env!("CARGO_BIN_EXE_patchwharf"))
        .config(&config)
        .env("PATCHWHARF_PROXY", &format!("http://user:{CANARY}@127.0.0.1:9"))
        .start()
        .await;
    let added = server.patchwharf(&["feed", "add", "sdp", "http://vendor.example/c.cab", "--name", "far"]);
    let imported = server.patchwharf(&["feed", "import", "far"]);
    let _ = server.api().fetch("/api/v1/settings").await;
    let token = std::fs::read_to_string(server.data().join("admin.token")).unwrap();
    server.terminate();
    let mut seen = format!("{}\n{added:?}\n{imported:?}", server.output()).into_bytes();
    for name in ["log.db", "log.db-wal", "patchwharf.db", "patchwharf.db-wal", "instance.lock"] {
        seen.extend(std::fs::read(server.data().join(name)).unwrap_or_default());
    }
    let has = |needle: &str| seen.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(has("TRACE") || has("trace"), "the log was not written at all");
    assert!(!has(CANARY), "the proxy's password was logged");
    assert!(!has(token.trim()), "the administrator's token was logged");
}
