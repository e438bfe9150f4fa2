//! Requests that Schemathesis makes from the description of the API, good ones and bad ones: the server answers none with a
//! failure, and each as the description says.

use std::path::{Path, PathBuf};

use patchwharf_testkit::{server::DEADLINE, skipped};
use tokio::process::Command;

use crate::world::World;

/// Requests for one operation that are made by chance, beside those that the description's bounds give.
const BY_CHANCE: &str = "12";

/// What is not asked: streams that have no end, and what takes paths of this machine.
const NOT_ASKED: &str = "/events$|/locations$|/locations/adopt$|/backups$|/settings/[{]name[}]$";

/// Where `cargo xtask test` puts it.
fn program() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("schemathesis").join("bin/schemathesis")
}

#[tokio::test]
async fn w_16_every_answer_is_as_the_description_says_whatever_is_asked() {
    if !program().exists() {
        return skipped("schemathesis is not installed in target/ (cargo xtask test installs it)");
    }
    let world = World::staged().await;
    let token = std::fs::read_to_string(world.server.data().join("admin.token")).unwrap();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    let mut schemathesis = Command::new(program());
    schemathesis
        .args([
            "run",
            &world.server.url("/api/openapi.json"),
            "--header",
            &format!("Authorization: Bearer {}", token.trim()),
        ])
        .args(["--checks", checks, "--phases", "examples,coverage,fuzzing", "--max-examples", BY_CHANCE])
        // The same requests each time; what is wrong is told as it was asked, without a search for less.
        .args(["--seed", "1", "--no-shrink", "--continue-on-failure", "--request-timeout", "60"])
        .args(["--exclude-path-regex", NOT_ASKED, "--warnings", "off"])
        .current_dir(world.server.data())
        .env("NO_COLOR", "1")
        .kill_on_drop(true);
    let ended = tokio::time::timeout(DEADLINE * 2, schemathesis.output()).await;
    let output = ended.expect("it came to no end").expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let tested = told.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    assert!(tested.is_some_and(|count| count.trim().parse::<u32>().unwrap() > 75), "{told}");
    let feeds: serde_json::Value = world.server.api().get("/api/v1/feeds").await;
    assert!(feeds["items"].is_array(), "the server goes on");
}
