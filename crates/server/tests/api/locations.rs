//! Package locations and settings that change while the server runs.

use futures_util::StreamExt as _;
use patchwharf_model::api::{
    Feed, Health, JobDetail, Location, PackageSummary, Page, Problem, PrunePreview, SettingChange, Settings,
};
use patchwharf_testkit::{
    Payload, Server,
    disk::SmallDisk,
    sdp::{Catalogue, Update},
    server::Setup,
    skipped,
};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::world::{BINARY, World, done};

const PUT: &str = "/api/v1/settings/package-location";

async fn set(world: &World, path: &str) -> Result<SettingChange, Problem> {
    let body = json!({ "value": path });
    let answer = world.server.api().try_call(Method::PUT, PUT, Some(&body)).await.unwrap();
    match answer.status {
        200 => Ok(answer.ok()),
        _ => Err(answer.problem()),
    }
}

/// The default location; how much room is left there is another's business.
async fn default(world: &World) -> Location {
    let all: Vec<Location> = world.server.api().get("/api/v1/locations").await;
    let one = all.into_iter().find(|one| one.is_default).unwrap();
    Location { free_bytes: None, ..one }
}

#[tokio::test]
async fn a_new_package_location_is_made_and_what_is_elsewhere_is_said() {
    let world = World::staged().await;
    let home = TempDir::new().unwrap();
    let new = home.path().canonicalize().unwrap().join("store/packages").display().to_string();
    let old = world.server.packages().canonicalize().unwrap().display().to_string();
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let told = run(&["settings", "set", "package-location", &new]).ok();
    assert!(told.contains(&new) && told.contains("2 packages") && told.contains(&old), "{told}");

    let settings: Settings = world.server.api().get("/api/v1/settings").await;
    assert_eq!(settings.elsewhere.packages, 2);
    assert_eq!(settings.elsewhere.size_bytes, 3 * 20_000 + 3);
    let [first, second] = &settings.locations[..] else { panic!("{settings:#?}") };
    assert!(first.is_default && first.open && first.path == new && first.packages == 0, "{first:#?}");
    assert!(!second.is_default && second.open && second.path == old && second.packages == 2, "{second:#?}");
    // Which they are, by path or id.
    let id = second.id.to_string();
    for (place, packages) in [(&old, 2), (&id, 2), (&new, 0)] {
        let request = world.server.api().request(Method::GET, "/api/v1/packages").query(&[("location", place)]);
        let page = world.server.api().send(request).await.unwrap().ok::<Page<PackageSummary>>();
        assert_eq!((page.total, page.items.len()), (Some(packages), packages as usize), "{place}");
    }
    assert!(run(&["package", "list", "--location", &old]).ok().contains("B-1"));
    let unknown = run(&["package", "list", "--location", "/nowhere"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains(&old), "{unknown:?}");
    let shown = run(&["settings", "show"]).ok();
    assert!(shown.contains("originals.keep-for") && shown.contains("2 packages"), "{shown}");
    // The same again, and the way back, are no news to the disk.
    assert_eq!(set(&world, &new).await.unwrap().after, new);
    assert_eq!(set(&world, &old).await.unwrap().after, old);
    assert_eq!(run(&["location", "remove", &old]).code, Some(1), "it is the default");
    assert!(run(&["location", "remove", &new]).ok().contains(&new));
    assert!(!run(&["location", "list"]).ok().contains(&new));
    assert!(std::path::Path::new(&new).join("location.json").is_file(), "the folder stays");
    // What was forgotten is taken up again.
    assert!(run(&["location", "add", &new]).ok().contains(&new));
    assert!(run(&["audit", "list", "--action", "location"]).ok().contains("location.remove"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_a_location_is_refused_with_the_reason() {
    let world = World::staged().await;
    let before = default(&world).await;
    let home = TempDir::new().unwrap();
    let home = home.path().canonicalize().unwrap();
    let path = |name: &str| home.join(name).display().to_string();
    std::fs::write(home.join("file"), "x").unwrap();
    std::fs::create_dir_all(home.join("full/of")).unwrap();
    std::fs::write(home.join("full/of/it"), "x").unwrap();
    std::os::unix::fs::symlink("full", home.join("link")).unwrap();
    let marker = |name: &str, text: String| {
        std::fs::create_dir(home.join(name)).unwrap();
        std::fs::write(home.join(name).join("location.json"), text).unwrap();
    };
    let (id, other) = (patchwharf_model::LocationId::new(), patchwharf_model::DeploymentId::new());
    let of = |format: u32| {
        json!({ "format": format, "location_id": id, "deployment_id": other, "made_at": "2026-11-22T00:00:00Z" })
            .to_string()
    };
    marker("theirs", of(1));
    marker("newer", of(9));
    marker("torn", "{".into());
    let old = before.path.clone();
    for (path, why) in [
        (path("file"), "is not a folder"),
        (path("file/packages"), "is not a folder"),
        ("/".into(), "root of the file system"),
        ("packages".into(), "not an absolute path"),
        (String::new(), "not an absolute path"),
        (format!("{old}/inner"), "lies in package location"),
        (world.server.data().parent().unwrap().display().to_string(), "lies around package location"),
        (path("dot."), "ends with a dot"),
        (path("nul"), "Windows device"),
        (path("a/../b"), "leads somewhere else"),
        (path("link/packages"), "symbolic link"),
        (path("full"), "is not empty"),
        (path("theirs"), "belongs to deployment"),
        (path("newer"), "use a newer patchwharf"),
        (path("torn"), "cannot understand"),
    ] {
        let refused = set(&world, &path).await.expect_err(&path);
        assert_eq!((refused.status, refused.code.as_str()), (422, "location-unfit"), "{path}: {refused:#?}");
        assert!(refused.detail.contains(why), "{path}: {}", refused.detail);
    }
    assert!(!home.join("full/packages").exists(), "nothing is made behind a link");
    assert!(!home.join("dot.").exists() && !home.join("nul").exists() && !home.join("b").exists());
    assert_eq!(default(&world).await, before, "nothing was changed");
    let unknown = world.server.patchwharf(&["settings", "set", "colour", "blue"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("package-location"), "{unknown:?}");
    let soon = world.server.patchwharf(&["settings", "set", "originals.keep-for", "soon"]);
    assert!(soon.code == Some(1) && soon.stderr.contains("14d"), "{soon:?}");
}

#[tokio::test]
async fn a_full_disk_is_no_place_for_new_packages() {
    let world = World::new().await;
    let before = default(&world).await;
    for (size_kib, inodes) in [(64, 100), (1024, 3)] {
        let disk = match SmallDisk::create(size_kib, inodes) {
            Ok(disk) => disk,
            Err(why) => return patchwharf_testkit::skipped(&format!("a small disk cannot be mounted here: {why}")),
        };
        let _ = std::fs::write(disk.path().join("ballast"), vec![1; 2 << 20]);
        let path = disk.path().canonicalize().unwrap().join("packages");
        let refused = set(&world, path.to_str().unwrap()).await.unwrap_err();
        assert_eq!(refused.code, "no-space", "{refused:#?}");
    }
    assert_eq!(default(&world).await, before);
}

#[tokio::test]
async fn a_location_that_is_away_is_named_and_everything_else_goes_on() {
    let world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    let home = TempDir::new().unwrap();
    let home = home.path().canonicalize().unwrap();
    set(&world, home.join("new").to_str().unwrap()).await.unwrap();
    std::fs::rename(world.server.packages(), home.join("away")).unwrap();
    let api = world.server.api();
    patchwharf_testkit::eventually_async("the server has noticed", patchwharf_testkit::server::DEADLINE, || async {
        let health: Health = api.get("/healthz").await;
        let reason = health.checks.iter().find(|check| !check.ok)?.reason.clone();
        (health.status == "degraded" && reason == "is not open").then_some(())
    })
    .await;
    let refused = api.try_call(Method::GET, &address, None).await.unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("not open"), "{}", refused.text());
    let shown = world.server.patchwharf(&["settings", "show"]).ok();
    assert!(shown.contains("not open"), "{shown}");
    world.stage(&["B-3"]).await;
    std::fs::rename(home.join("away"), world.server.packages()).unwrap();
    patchwharf_testkit::eventually_async("it is open again", patchwharf_testkit::server::DEADLINE, || async {
        let answer = api.try_call(Method::GET, &address, None).await.unwrap();
        (answer.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_location_whose_folder_was_moved_is_known_at_its_new_path() {
    let world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    let home = TempDir::new().unwrap();
    let home = home.path().canonicalize().unwrap();
    let old = default(&world).await;
    set(&world, home.join("new").to_str().unwrap()).await.unwrap();
    let path = |name: &str| home.join(name).display().to_string();
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    // A copy is no move: the location is where it was, too.
    let copied = std::process::Command::new("cp").args(["-a", &old.path, &path("copy")]).status().unwrap();
    assert!(copied.success());
    let body = json!({ "path": path("copy") });
    let refused = world.server.api().try_call(Method::POST, "/api/v1/locations", Some(&body)).await.unwrap();
    let problem: Problem = refused.problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "conflict"), "{problem:#?}");
    assert!(problem.detail.contains("lies at") && problem.detail.contains(&old.path), "{}", problem.detail);
    std::fs::remove_dir_all(home.join("copy")).unwrap();

    std::fs::rename(&old.path, home.join("moved")).unwrap();
    assert!(run(&["location", "add", &path("moved")]).ok().contains(&path("moved")));
    let all: Vec<Location> = world.server.api().get("/api/v1/locations").await;
    let moved = all.iter().find(|one| one.id == old.id).unwrap();
    assert!(moved.path == path("moved") && moved.open && moved.packages == 2, "{all:#?}");
    assert_eq!(world.server.api().fetch(&address).await.body, world.files[0].bytes);
    let trail = run(&["audit", "list", "--action", "location.path"]).ok();
    assert!(trail.contains(&path("moved")) && trail.contains(&old.path), "{trail}");
}

#[tokio::test]
async fn only_a_location_that_does_not_answer_is_lost() {
    let world = World::staged().await;
    let home = TempDir::new().unwrap();
    let home = home.path().canonicalize().unwrap();
    let old = default(&world).await;
    set(&world, home.join("new").to_str().unwrap()).await.unwrap();
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let lost = ["location", "remove", old.path.as_str(), "--lost", "--confirm", "2"];
    let refused = run(&lost);
    assert!(refused.code == Some(1) && refused.stderr.contains("is not lost"), "{refused:?}");
    // Nor when it is only not open.
    use std::os::unix::fs::PermissionsExt as _;
    let chmod = |mode| std::fs::set_permissions(&old.path, std::fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o777);
    let refused = run(&lost);
    assert!(refused.code == Some(1) && refused.stderr.contains("is not lost"), "{refused:?}");
    chmod(0o755);
    std::fs::rename(&old.path, home.join("away")).unwrap();
    assert!(run(&lost).ok().contains("forgotten"));
    let all: Vec<Location> = world.server.api().get("/api/v1/locations").await;
    assert!(all.iter().all(|one| one.id != old.id), "{all:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_locations_in_one_another_only_one_is_made() {
    let world = World::new().await;
    let home = TempDir::new().unwrap();
    let home = home.path().canonicalize().unwrap();
    let add = |path: std::path::PathBuf| {
        let api = world.server.api().clone();
        async move {
            let body = json!({ "path": path });
            api.try_call(Method::POST, "/api/v1/locations", Some(&body)).await.unwrap().status
        }
    };
    for round in 0..20 {
        let outer = home.join(format!("{round}"));
        let found = tokio::join!(add(outer.clone()), add(outer.join("inner")));
        assert!(matches!(found, (201, 422) | (422, 201)), "round {round}: {found:?}");
    }
}

#[tokio::test]
async fn a_prune_with_nothing_to_do_says_so_in_json_too() {
    let world = World::staged().await;
    let old = default(&world).await;
    let told = world.server.patchwharf(&["--json", "location", "prune", &old.path, "--yes"]).ok();
    let preview: PrunePreview = serde_json::from_str(&told).unwrap();
    assert_eq!((preview.originals, preview.packages), (0, 2));
}

/// More than the buffers of a connection take: an answer with such a file ends when its client has read it.
const LONG: usize = 64 << 20;

#[tokio::test]
async fn what_a_running_download_reads_is_not_pruned_and_the_download_ends_whole() {
    let world = World::new().await;
    let api = world.server.api();
    let file = Payload::random("long.exe", LONG);
    world.vendor.publish("/long.xml", Catalogue::new([Update::new(9, "B-9").payload(&world.vendor, &file)]).v1_xml());
    let source = json!({ "kind": "sdp", "url": world.vendor.url("/long.xml") });
    let feed: Feed = api.post("/api/v1/feeds", &json!({ "name": "long", "source": source })).await;
    done(&api.run_job(&format!("/api/v1/feeds/{}/import", feed.id), &json!({})).await);
    world.stage(&["B-9"]).await;
    let old = default(&world).await;
    let address = world.address("B-9", "long.exe").await;
    let download = api.request(Method::GET, &address).send().await.unwrap();

    let home = TempDir::new().unwrap();
    let new = set(&world, home.path().canonicalize().unwrap().join("new").to_str().unwrap()).await.unwrap();
    done(&api.run_job("/api/v1/locations/relocate", &json!({})).await);
    let prune = format!("/api/v1/locations/{}/prune", old.id);
    let kept = api.run_job(&prune, &json!({})).await;
    let line = &kept.report.as_ref().unwrap().items[0];
    assert!(line.outcome == "kept" && line.reason.contains("a download still reads it"), "{kept:#?}");
    assert!(world.on_disk(&address).exists());

    let mut got = Vec::with_capacity(LONG);
    let mut chunks = download.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        got.extend_from_slice(&chunk.unwrap());
    }
    assert!(got == file.bytes, "the download that began before the move has ended whole");
    // The answer is over for the server a moment after it is for its client.
    let path = world.on_disk(&address);
    let left = || async {
        done_or_kept(&api.run_job(&prune, &json!({})).await);
        let preview: PrunePreview = api.post(&format!("{prune}/preview"), &json!({})).await;
        (preview.originals == 0).then_some(())
    };
    patchwharf_testkit::eventually_async("it is pruned", patchwharf_testkit::server::DEADLINE, left).await;
    assert!(!path.exists());
    assert_ne!(new.before, new.after);
    assert!(api.fetch(&address).await.body == file.bytes, "the same address serves it from the new place");
}

fn done_or_kept(job: &JobDetail) {
    assert!(
        job.report
            .iter()
            .flat_map(|report| &report.items)
            .all(|line| ["removed", "kept"].contains(&line.outcome.as_str())),
        "{job:#?}"
    );
}

/// Downloads of another server are not known here: time has to pass.
#[tokio::test]
async fn where_several_servers_share_a_database_originals_stay_for_a_day() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    let world = World::on(Server::setup(BINARY).on_postgres().start().await).await;
    world.stage(&["B-1", "B-2"]).await;
    let (home, old) = (TempDir::new().unwrap(), default(&world).await);
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    set(&world, home.path().canonicalize().unwrap().join("new").to_str().unwrap()).await.unwrap();
    let moved = run(&["job", "run", "integrity-check", "--relocate"]).ok();
    assert!(moved.contains("2 package versions moved"), "{moved}");
    let told = run(&["location", "prune", &old.path, "--yes"]).ok();
    assert!(told.contains("nothing may be removed") && told.contains("2 originals younger than"), "{told}");
    // Who knows that there is no other server says so.
    let told = run(&["settings", "set", "originals.keep-for", "0s"]).ok();
    assert!(told.contains("1d"), "the value before: {told}");
    let told = run(&["location", "prune", &old.path, "--yes"]).ok();
    assert!(told.contains("2 originals at"), "{told}");
    assert!(run(&["location", "remove", &old.path]).ok().contains("forgotten"));
}
