//! Package downloads.

use patchwharf_model::{
    api::{Code, Job, JobDetail},
    package::VersionState,
};
use patchwharf_testkit::{
    Server, eventually, eventually_async,
    server::{Client, DEADLINE},
};
use reqwest::Method;
use rustix::process::{Resource, Rlimit};
use serde_json::json;

use crate::{
    auth::raw,
    world::{BINARY, World, done},
};

#[tokio::test]
async fn a_file_comes_whole_in_parts_and_not_twice() {
    let world = World::staged().await;
    let api = world.server.api();
    let address = world.address("B-1", "file-0.exe").await;
    let bytes = world.files[0].bytes.to_vec();
    let whole = api.fetch(&address).await;
    assert_eq!((whole.status, whole.body == bytes), (200, true));
    let etag = format!("\"{}\"", world.files[0].sha256());
    assert_eq!(whole.header("etag"), Some(etag.as_str()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-length"), Some(bytes.len().to_string().as_str()));

    let ask = async |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(api.request(Method::GET, &address), |r, (n, v)| r.header(*n, *v));
        api.send(request).await.unwrap()
    };
    let part = ask(&[("range", "bytes=100-199"), ("if-range", &etag)]).await;
    assert_eq!((part.status, &part.body[..]), (206, &bytes[100..200]));
    assert_eq!(part.header("content-range"), Some(format!("bytes 100-199/{}", bytes.len()).as_str()));
    let tail = ask(&[("range", "bytes=-5")]).await;
    assert_eq!((tail.status, &tail.body[..]), (206, &bytes[bytes.len() - 5..]));
    assert_eq!(ask(&[("range", "bytes=0-9"), ("if-range", "\"old\"")]).await.status, 200);
    assert_eq!(ask(&[("if-none-match", &etag)]).await.status, 304);
    let beyond = ask(&[("range", "bytes=999999-")]).await;
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", bytes.len()).as_str()));
    assert_eq!(beyond.problem().code, Code::RangeNotSatisfiable.as_str());
    let head = api.call(Method::HEAD, &address, None).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
}

#[tokio::test]
async fn a_damaged_file_is_never_sent_its_siblings_are_and_it_mends_itself() {
    let world = World::staged().await;
    let api = world.server.api();
    let (bad, good) = (world.address("B-2", "file-1.exe").await, world.address("B-2", "file-2.exe").await);
    let size = world.files[1].bytes.len();
    world.vendor.go_down();
    std::fs::write(world.on_disk(&bad), vec![0; size]).unwrap();
    let answer = api.fetch(&bad).await;
    assert!(answer.header("retry-after").is_some());
    let problem = answer.problem();
    assert_eq!((problem.status, problem.code.as_str()), (503, "file-corrupt"), "{}", problem.detail);
    assert!(problem.detail.contains(&world.files[1].sha256().to_string()), "{}", problem.detail);
    assert!(problem.job.is_some(), "a refresh is queued");
    assert_eq!(api.fetch(&bad).await.problem().job, problem.job, "and only one");
    assert_eq!(world.package("B-2").await.summary.state, Some(VersionState::Corrupt));
    assert_eq!(api.fetch(&good).await.body, world.files[2].bytes.to_vec());

    world.vendor.come_up();
    done(&api.run_job("/api/v1/bulletins/refresh", &json!({ "of": { "bulletins": ["B-2"] } })).await);
    let mended = world.address("B-2", "file-1.exe").await;
    assert_ne!(mended, bad, "content of a version never changes: there is a next one");
    assert_eq!(api.fetch(&mended).await.body, world.files[1].bytes.to_vec());
    assert_eq!(api.fetch(&bad).await.body, world.files[1].bytes.to_vec(), "the old address serves the same content");

    std::fs::write(world.on_disk(&mended), vec![0; size]).unwrap();
    let again = api.fetch(&mended).await.problem();
    assert!(again.job.is_some() && again.job != problem.job, "the mended version gets a refresh of its own");
}

#[tokio::test]
async fn a_missing_file_is_named_and_fetched_again() {
    let world = World::staged().await;
    let api = world.server.api();
    let address = world.address("B-1", "file-0.exe").await;
    std::fs::remove_file(world.on_disk(&address)).unwrap();
    let problem = api.fetch(&address).await.problem();
    assert_eq!((problem.status, problem.code.as_str()), (503, "file-missing"), "{}", problem.detail);
    let _ = api.wait_for_job(problem.job.expect("a refresh is queued")).await;
    // Nothing of the old version was left to keep, so its address names the new one.
    let moved = api.fetch(&address).await.problem();
    assert_eq!((moved.status, moved.code.as_str()), (410, "version-gone"), "{}", moved.detail);
    assert_eq!(api.fetch(&moved.items[0]).await.body, world.files[0].bytes.to_vec());
}

#[tokio::test]
async fn a_touched_file_is_hashed_anew_and_served() {
    let world = World::staged().await;
    let api = world.server.api();
    let address = world.address("B-1", "file-0.exe").await;
    let path = world.on_disk(&address);
    let before = world.package("B-1").await.summary.verified_at;
    std::fs::copy(&path, path.with_extension("copy")).unwrap();
    std::fs::rename(path.with_extension("copy"), &path).unwrap();
    assert_eq!(api.fetch(&address).await.body, world.files[0].bytes.to_vec());
    let after = world.package("B-1").await.summary;
    assert_eq!(after.state, Some(VersionState::Staged));
    assert!(after.verified_at > before, "the proof is renewed");
}

#[tokio::test]
async fn r_01_all_who_ask_for_an_unproved_file_share_one_hash() {
    let world = World::staged().await;
    let api = world.server.api();
    let address = world.address("B-1", "file-0.exe").await;
    let path = world.on_disk(&address);
    std::fs::copy(&path, path.with_extension("copy")).unwrap();
    std::fs::rename(path.with_extension("copy"), &path).unwrap();
    let answers = futures_util::future::join_all((0..50).map(|_| api.fetch(&address))).await;
    assert!(answers.iter().all(|answer| answer.body == world.files[0].bytes));
    let hashed = || world.server.output().matches("file proved anew before serving").count();
    let first = eventually("the hash in the log", DEADLINE, || Some(hashed()).filter(|count| *count > 0));
    assert!(first < 50, "hashed {first} times");
    let proved = world.package("B-1").await.summary.verified_at;
    assert_eq!(api.fetch(&address).await.status, 200);
    assert_eq!(world.package("B-1").await.summary.verified_at, proved, "the new proof stands");
    world.server.holds();
}

#[tokio::test]
async fn a_link_in_the_place_of_a_file_is_not_followed() {
    let world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    let path = world.on_disk(&address);
    let canary = world.server.data().join("canary");
    std::fs::write(&canary, &world.files[0].bytes).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&canary, &path).unwrap();
    let problem = world.server.api().fetch(&address).await.problem();
    assert_eq!(problem.code, "file-corrupt", "{}", problem.detail);
}

#[tokio::test]
async fn w_13_no_address_leads_out_of_the_packages() {
    let world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    let (folder, _) = address.rsplit_once('/').unwrap();
    let port: u16 = world.server.url("").rsplit(':').next().unwrap().parse().unwrap();
    let token = std::fs::read_to_string(world.server.data().join("admin.token")).unwrap();
    for path in [
        format!("{folder}/package.json"),
        format!("{folder}/../../location.json"),
        format!("{folder}/..%2f..%2flocation.json"),
        format!("{folder}/%2e%2e%2f%2e%2e%2f%2e%2e%2fadmin.token"),
        format!("{folder}/..%5c..%5cadmin.token"),
        format!("{folder}/file-0.exe%00.txt"),
        format!("{folder}/./file-0.exe"),
        format!("{folder}//file-0.exe"),
        format!("{folder}/FILE-0.EXE"),
        "/packages/../admin.token".to_owned(),
        "/packages/..%2f..%2f/1/admin.token".to_owned(),
        "/packages/.staging/x/data".to_owned(),
        "/packages/location.json".to_owned(),
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            token.trim()
        );
        assert_eq!(raw(port, &request), 404, "{path}");
    }
}

#[tokio::test]
async fn packages_are_anonymous_only_when_set_and_only_on_loopback() {
    let world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    let anonymous = Client::anonymous(&world.server.url(""));
    assert_eq!(anonymous.fetch(&address).await.problem().code, "unauthorized");

    let config = format!("{}\n[packages]\nanonymous = true\n", patchwharf_testkit::server::TEST_CONFIG);
    let world = World::on(Server::setup(BINARY).config(&config).start().await).await;
    world.stage(&["B-1"]).await;
    let address = world.address("B-1", "file-0.exe").await;
    let anonymous = Client::anonymous(&world.server.url(""));
    assert_eq!(anonymous.fetch(&address).await.status, 200);
    let proxied = anonymous.request(Method::GET, &address).header("forwarded", "for=192.0.2.1");
    assert_eq!(anonymous.send(proxied).await.unwrap().status, 401);
    assert_eq!(anonymous.fetch("/api/v1/packages").await.status, 401);
}

#[tokio::test]
async fn an_address_that_has_been_replaced_names_the_current_one() {
    let world = World::staged().await;
    let api = world.server.api();
    let old = world.address("B-1", "file-0.exe").await;
    done(&api.run_job("/api/v1/bulletins/refresh", &json!({ "of": { "bulletins": ["B-1"] }, "complete": true })).await);
    let new = world.address("B-1", "file-0.exe").await;
    assert_ne!(old, new);
    assert_eq!(api.fetch(&old).await.body, world.files[0].bytes.to_vec(), "its files stay for the grace period");
    let unknown = old.replace("file-0.exe", "other.exe");
    let problem = api.fetch(&unknown).await.problem();
    assert!(problem.status == 410 || problem.status == 404, "{problem:?}");
}

/// A server that is short of descriptors has found out nothing: no package is called damaged for it, and none is fetched anew.
#[tokio::test]
async fn s_26_want_of_descriptors_is_no_damage() {
    let world = World::staged().await;
    let api = world.server.api();
    let addresses = [world.address("B-1", "file-0.exe").await, world.address("B-2", "file-1.exe").await];
    let pid = rustix::process::Pid::from_raw(i32::try_from(world.server.process_id()).unwrap());
    let limit = |files: u64| {
        let limits = rustix::process::getrlimit(Resource::Nofile);
        rustix::process::prlimit(pid, Resource::Nofile, Rlimit { current: Some(files), ..limits }).unwrap();
    };
    let asked = world.vendor.requests().len();
    // The connection is open already, and is used again.
    limit(3);
    for address in &addresses {
        let refused = api.fetch(address).await;
        assert!(refused.header("retry-after").is_some(), "{}", refused.text());
        assert_eq!(refused.problem().code, "busy");
    }
    let verify: Job = api.post("/api/v1/packages/verify", &json!({ "all": true })).await;
    eventually_async("the verification has tried", DEADLINE, async || {
        let job: JobDetail = api.get(&format!("/api/v1/jobs/{}", verify.id)).await;
        (job.job.state.is_final() || job.job.attempt > 1).then_some(())
    })
    .await;
    for name in ["B-1", "B-2"] {
        assert_eq!(world.package(name).await.summary.state, Some(VersionState::Staged), "{name}");
    }
    limit(1024);
    api.wait_for_job(verify.id).await;
    done(&api.run_job("/api/v1/packages/verify", &json!({ "all": true })).await);
    for address in &addresses {
        assert_eq!(api.fetch(address).await.status, 200);
    }
    assert_eq!(world.vendor.requests().len(), asked, "nothing was fetched anew");
    world.server.holds();
}
