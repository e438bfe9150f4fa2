//! The command line, as a person or a script uses it.

mod bulletins;
mod feeds;
mod jobs;
mod store;

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
};

use patchwharf_model::api::{Job, Page};
use patchwharf_testkit::{
    Payload, Server, eventually_async,
    sdp::{Catalogue, Update},
    server::DEADLINE,
    vendor::Mood,
};
use serde_json::Value;

use crate::world::{BINARY, World};

/// A command that goes on while the test does; ended with it.
struct Beside(Child);

impl Beside {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let command = Command::new(BINARY)
            .args(arguments)
            .env("PATCHWHARF_SERVER", server.url(""))
            .env("PATCHWHARF_DATA", server.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(command.unwrap())
    }

    /// Waits for its end; its exit code and standard output.
    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (self.0.wait().unwrap().code(), text)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_bulletin_is_staged_verified_damaged_and_mended_from_the_command_line() {
    let world = World::new().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let staged = run(&["bulletin", "stage", "B-1", "B-2"]);
    assert_eq!(staged.code, Some(0), "{staged:?}");
    assert!(!staged.stderr.contains('\u{1b}'), "plain lines where there is no terminal: {:?}", staged.stderr);
    let listed = run(&["bulletin", "list", "--state", "downloaded"]).ok();
    assert!(listed.contains("B-1") && listed.contains("B-2") && !listed.contains("B-3"), "{listed}");
    assert_eq!(run(&["package", "verify", "--all"]).code, Some(0));

    let address = world.address("B-1", "file-0.exe").await;
    std::fs::write(world.on_disk(&address), b"rot").unwrap();
    let verify = run(&["package", "verify", "--all"]);
    assert_eq!(verify.code, Some(1), "problems were found: {verify:?}");
    assert!(verify.stdout.contains("file-0.exe"), "{verify:?}");
    assert_eq!(run(&["bulletin", "refresh", "B-1"]).code, Some(0));
    assert_eq!(run(&["package", "verify", "--all"]).code, Some(0));
    assert_eq!(run(&["fsck"]).code, Some(0));
}

#[tokio::test]
async fn a_command_that_follows_its_job_sees_the_end_although_the_server_was_killed() {
    let mut world = World::patient().await;
    world.vendor.set_mood(Mood::Silent);
    let command = Beside::start(&world.server, &["bulletin", "stage", "B-1", "B-2"]);
    let api = world.server.api().clone();
    eventually_async("the job runs", DEADLINE, || async {
        let jobs: Page<Job> = api.get("/api/v1/jobs?kind=stage&state=running").await;
        (!jobs.items.is_empty()).then_some(())
    })
    .await;
    world.server.kill_9();
    world.vendor.set_mood(Mood::Up);
    world.vendor.release();
    world.server.restart().await;
    let (code, text) = tokio::task::spawn_blocking(move || command.end()).await.unwrap();
    assert!(code == Some(0) && text.contains("stage done"), "{code:?} {text}");
    assert!(world.bulletin("B-2").await.summary.downloaded);
}

#[tokio::test]
async fn refusals_are_1_errors_are_2_and_both_say_what_to_do() {
    let world = World::staged().await;
    let refused = world.server.patchwharf(&["bulletin", "stage", "B-77"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("B-77") && refused.stdout.is_empty(), "{refused:?}");
    let nowhere = world.server.patchwharf(&["--server", "http://127.0.0.1:9", "job", "list"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    assert!(nowhere.stderr.contains("--server"), "{nowhere:?}");
    let token = world.server.data().join("wrong.token");
    std::fs::write(&token, "wrong").unwrap();
    let unknown = world.server.patchwharf(&["--token-file", token.to_str().unwrap(), "job", "list"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("--token-file"), "{unknown:?}");
    assert_eq!(world.server.patchwharf(&["bulletin", "paint"]).code, Some(2));
}

#[tokio::test]
async fn every_listing_speaks_json() {
    let world = World::staged().await;
    for arguments in [
        &["feed", "list"][..],
        &["feed", "show", "vendor"],
        &["bulletin", "list"],
        &["bulletin", "show", "B-1"],
        &["bulletin", "refers", "B-1"],
        &["package", "list"],
        &["policy", "list"],
        &["job", "list"],
        &["settings", "show"],
        &["bulletin", "disable", "B-3"],
        &["feed", "import", "vendor"],
    ] {
        let arguments = [&["--json"], arguments].concat();
        let text = world.server.patchwharf(&arguments).ok();
        serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}"));
    }
}

#[tokio::test]
async fn a_policy_and_a_feed_are_kept_from_the_command_line() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let must = |arguments: &[&str]| drop(run(arguments).ok());
    let update = world.bulletin("B-3").await.software_updates[0].id.to_string();
    let off = run(&["policy", "create", "later", "--update", &update]).ok();
    assert!(off.lines().any(|line| line.split_whitespace().eq(["enabled", "no"])), "{off}");
    must(&["policy", "enable", "later"]);
    must(&["policy", "delete", "later"]);
    must(&["policy", "create", "servers", "--bulletin", "B-1", "--enabled"]);
    assert!(run(&["policy", "show", "servers"]).ok().contains("ready"));
    must(&["policy", "switch", "servers", "on", "--bulletin", "B-2"]);
    must(&["policy", "disable", "servers"]);
    must(&["policy", "recreate", "servers"]);
    must(&["policy", "accept", "servers"]);
    must(&["policy", "remove", "servers", "--bulletin", "B-2"]);
    must(&["policy", "add", "servers", "--bulletin", "B-2"]);
    let trail = run(&["audit", "list", "--action", "policy", "--limit", "3"]).ok();
    assert!(trail.contains("policy.add") && trail.contains("policy.remove"), "{trail}");
    assert!(!trail.contains("feed.create"), "{trail}");
    assert!(!run(&["audit", "list", "--since", "2999-01-01T00:00:00Z"]).ok().contains("policy."));
    let csv = run(&["audit", "list", "--action", "policy.add", "--csv"]).ok();
    assert!(csv.starts_with("number,at,who,from,action,object,before,after,digest\r\n"), "{csv}");
    assert!(csv.lines().count() == 3 && csv.contains(",policy.add,policy "), "{csv}");
    let all: Value = serde_json::from_str(&world.server.api().fetch("/api/v1/audit?format=json").await.text()).unwrap();
    assert!(all.as_array().unwrap().iter().any(|change| change["action"] == "policy.remove"), "{all}");
    let chain: Value = serde_json::from_str(&run(&["audit", "verify", "--json"]).ok()).unwrap();
    let head = format!("{}:{}", chain["head"], chain["digest"].as_str().unwrap());
    assert!(run(&["audit", "verify", "--kept", &head]).ok().contains("none is missing"));
    let other = run(&["audit", "verify", "--kept", &format!("{}:{}", chain["head"], "0".repeat(64))]);
    assert!(other.code == Some(1) && other.stdout.contains("NO: change"), "{other:?}");
    assert_eq!(run(&["audit", "verify", "--kept", "yesterday"]).code, Some(1));
    let package = world.package("B-1").await.summary.id.to_string();
    let needed = run(&["package", "delete", &package, "--yes"]);
    assert_eq!(needed.code, Some(1), "{needed:?}");
    assert!(needed.stderr.contains("servers"), "{needed:?}");
    let dry = run(&["package", "delete", "--bulletin", "B-1", "--dry-run"]).ok();
    assert!(dry.contains("1 of 2 packages, 1 file, 19.5 KiB") && dry.contains("servers"), "{dry}");
    assert!(run(&["package", "show", &package]).ok().contains("staged"), "a dry run changes nothing");
    must(&["package", "delete", &package, "--yes", "--although-needed"]);
    must(&["policy", "delete", "servers"]);
    assert_eq!(run(&["feed", "remove", "vendor"]).code, Some(1));
    let dry = run(&["feed", "remove", "vendor", "--purge", "--dry-run"]).ok();
    assert!(dry.contains("3 would no longer be listed") && dry.contains("packages"), "{dry}");
    assert_eq!(run(&["feed", "remove", "vendor", "--purge"]).code, Some(1), "nobody can be asked");
    must(&["feed", "remove", "vendor", "--purge", "--yes"]);
    assert!(!run(&["feed", "list"]).ok().contains("vendor"));
}

#[tokio::test]
async fn help_man_pages_and_completions_are_there() {
    let world = World::new().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    assert!(run(&["bulletin", "stage", "--help"]).ok().contains("Examples:"));
    assert!(run(&["completions", "bash"]).ok().contains("_patchwharf"));
    let folder = world.server.data().join("man");
    drop(run(&["man", folder.to_str().unwrap()]).ok());
    assert!(folder.join("patchwharf-bulletin-stage.1").is_file());
}

#[tokio::test]
async fn what_is_staged_of_an_older_revision_is_shown_as_such() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments).ok();
    let referring = run(&["bulletin", "refers", "B-2"]);
    let package = world.package("B-2").await.summary.id.to_string();
    assert!(referring.contains(&package) && referring.contains("of "), "{referring}");
    assert!(!run(&["bulletin", "show", "B-1"]).contains("older revision"));

    let revised = Payload::random("file-0.exe", 31_000);
    let update = Update::new(1, "B-1").created("2026-11-20T08:00:00Z").payload(&world.vendor, &revised);
    world.vendor.publish("/catalogue.xml", Catalogue::new([update]).v1_xml());
    run(&["feed", "import", "vendor", "--confirm-shrink"]);
    let shown = run(&["bulletin", "show", "B-1"]);
    assert!(shown.contains("staged (an older revision)"), "{shown}");
    assert!(shown.contains("patchwharf bulletin stage B-1"), "{shown}");
    run(&["bulletin", "stage", "B-1"]);
    assert!(!run(&["bulletin", "show", "B-1"]).contains("older revision"));
    eventually_async("what was logged of the bulletin", DEADLINE, || async {
        let shown = run(&["log", "show", "--bulletin", "B-1"]);
        assert!(!shown.contains("B-2"), "{shown}");
        shown.contains("B-1").then_some(())
    })
    .await;
    let unknown = world.server.patchwharf(&["log", "show", "--bulletin", "B-9"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("B-9"), "{unknown:?}");
}

#[tokio::test]
async fn a_wrong_token_is_named_with_its_file() {
    let world = World::new().await;
    let file = world.server.data().join("old.token");
    std::fs::write(&file, "of-another-server").unwrap();
    let run = world.server.patchwharf(&["job", "list", "--token-file", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("old.token") && run.stderr.contains("admin.token"), "{run:?}");
    assert!(!run.stderr.contains("of-another-server"), "{run:?}");
    assert_eq!(world.server.patchwharf(&["log", "show", "-n", "0"]).ok(), "");
    let unknown = world.server.patchwharf(&["bulletin", "list", "--state", "staged"]);
    assert!(!unknown.stderr.contains("deserialize"), "{unknown:?}");
}
