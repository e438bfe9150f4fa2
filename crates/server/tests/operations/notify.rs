//! Notification, with a mail server and a webhook's receiver on loopback.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use patchwharf_db::{
    feeds,
    jobs::{self, NewJob},
    notifications,
};
use patchwharf_model::{
    InstanceId,
    job::{JobKind, JobRequest, JobState, Progress, Report},
};
use patchwharf_server::{
    api,
    config::{Config, Hidden, Tls},
};
use patchwharf_testkit::{
    MailServer, Payload, Receiver, eventually_async,
    mail::{Mail, Manner},
    receiver::Delivery,
    skipped,
};

use tower::ServiceExt as _;

use crate::world::World;

const DEADLINE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A file that its owner alone can read.
fn secret(folder: &Path, name: &str, content: &str) -> camino::Utf8PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("{content}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    camino::Utf8PathBuf::from_path_buf(path).unwrap()
}

fn by_mail(config: &mut Config, server: &MailServer) {
    config.notify.mail.to = vec!["ops@example.org".into(), "Second <two@example.org>".into()];
    config.notify.mail.server = Some(server.address().to_string());
    config.notify.mail.tls = Tls::None;
    config.notify.low_space_bytes = 0;
}

fn by_webhook(config: &mut Config, receiver: &Receiver) {
    config.notify.webhook.url = Some(Hidden::new(receiver.url("/hook/token-canary-7").parse().unwrap()));
    config.notify.webhook.inside = true;
    config.notify.low_space_bytes = 0;
}

async fn mails(server: &MailServer, count: usize) -> Vec<Mail> {
    let enough = || async { Some(server.mails()).filter(|mails| mails.len() >= count) };
    eventually_async("the mails came", DEADLINE, enough).await
}

/// The first mail whose subject ends like this.
fn about(server: &MailServer, subject: &str) -> Option<Mail> {
    server.mails().into_iter().find(|mail| mail.header("subject").is_some_and(|found| found.ends_with(subject)))
}

/// Stages a package and damages it.
async fn damaged(world: &World, bulletin: &str) -> Payload {
    let file = Payload::random(format!("{bulletin}.exe"), 30_000);
    world.catalogue(&[(bulletin, vec![world.publish(&file)])]).await;
    world.stage(&[bulletin]).await.done();
    fs::write(world.folder(bulletin).await.join(&file.name), file.damaged().bytes).unwrap();
    world.run(JobRequest::Verify { of: world.of(&[bulletin]).await }).await.failed();
    file
}

/// Everything that was made to be sent.
async fn made(world: &World) -> Vec<notifications::Notification> {
    notifications::list(&world.app().db, None, 1_000).await.unwrap().rows
}

#[tokio::test]
async fn a_damaged_package_is_told_by_mail_and_webhook_and_told_to_be_mended() {
    let (server, receiver) = (MailServer::start(), Receiver::start());
    let home = tempfile::tempdir().unwrap();
    let secret_file = secret(home.path(), "webhook.secret", "the-shared-secret");
    let world = World::start_with(|config| {
        by_mail(config, &server);
        by_webhook(config, &receiver);
        config.notify.webhook.secret_file = Some(secret_file.clone());
    })
    .await;
    damaged(&world, "MS24-018").await;
    let mail =
        eventually_async("a mail about the package", DEADLINE, || async { about(&server, "1 package is damaged") })
            .await;
    assert_eq!(mail.to, ["ops@example.org", "two@example.org"]);
    assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
    let body = mail.body();
    assert!(body.contains("MS24-018") && body.contains("expected 30000 bytes with SHA-256"), "{body}");
    assert!(body.contains("patchwharf bulletin refresh"), "it says what to do: {body}");

    let found = |all: Vec<Delivery>| all.into_iter().find(|one| one.body.contains("\"kind\":\"packages\""));
    let delivery =
        eventually_async("a delivery about the package", DEADLINE, || async { found(receiver.deliveries()) }).await;
    assert_eq!(delivery.line, "POST /hook/token-canary-7");
    let said: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
    assert_eq!((said["state"].as_str(), said["count"].as_u64()), (Some("bad"), Some(1)));
    let signed = format!("{}.{}", delivery.header("patchwharf-timestamp").unwrap(), delivery.body);
    let mac = patchwharf_trust::hmac_sha256(b"the-shared-secret", signed.as_bytes());
    assert_eq!(delivery.header("patchwharf-signature"), Some(format!("v1={mac}").as_str()));
    let id = delivery.header("patchwharf-delivery").unwrap().to_owned();
    eventually_async("it is noted as sent", DEADLINE, || async {
        let rows = made(&world).await;
        rows.into_iter().find(|one| one.notification_id.to_string() == id && one.sent_at.is_some())
    })
    .await;

    world.refresh(&["MS24-018"]).await.done();
    eventually_async("a mail that it is over", DEADLINE, || async { about(&server, "no package is damaged any more") })
        .await;
}

#[tokio::test]
async fn a_thousand_failures_are_one_message_in_an_hour_and_none_is_forgotten() {
    let server = MailServer::start();
    let world = World::start_with(|config| by_mail(config, &server)).await;
    let fails = async || {
        let request = JobRequest::Import { feed: patchwharf_model::FeedId::new(), confirm_shrink: false };
        assert_eq!(world.run(request).await.state, JobState::Failed);
    };
    fails().await;
    let first = mails(&server, 1).await;
    assert!(first[0].header("subject").unwrap().ends_with("1 job failed"), "{first:#?}");
    for _ in 0..25 {
        fails().await;
    }
    world.later(HOUR);
    world.app().notify.ring();
    let second = mails(&server, 2).await;
    assert!(second[1].header("subject").unwrap().ends_with("25 jobs failed"), "{:#?}", second[1]);
    assert!(second[1].body().contains("... and 5 more"), "{}", second[1].body());
    fails().await;
    world.later(HOUR);
    world.app().notify.ring();
    let third = mails(&server, 3).await;
    assert!(third[2].header("subject").unwrap().ends_with("1 job failed"), "none is told twice: {:#?}", third[2]);
}

/// Makes so many jobs fail now, as another server would.
async fn fail_elsewhere(world: &World, count: usize) {
    let (db, owner, now) = (&world.app().db, InstanceId::new(), world.clock.now());
    let new = NewJob {
        kind: JobKind::Import,
        payload: "{}".into(),
        priority: 0,
        dedup_key: None,
        operation_id: None,
        not_before: None,
        only_on: Some(owner),
    };
    let mut w = db.write("test", "test", now).await.unwrap();
    for _ in 0..count {
        jobs::enqueue(&mut w, &new).await.unwrap();
    }
    w.commit().await.unwrap();
    let mut claimed = Vec::new();
    while let Some(job) = jobs::claim(db, owner, now, now + HOUR).await.unwrap() {
        claimed.push(job.job_id);
    }
    assert_eq!(claimed.len(), count);
    let mut w = db.write("test", "test", now).await.unwrap();
    for job in claimed {
        let (report, progress) = (Report::default(), Progress::default());
        assert!(jobs::finish(&mut w, job, owner, JobState::Failed, &report, &progress).await.unwrap());
    }
    w.commit().await.unwrap();
}

#[tokio::test]
async fn more_failures_at_once_than_are_read_at_once_do_not_silence_the_notifier() {
    let server = MailServer::start();
    let world = World::start_with(|config| by_mail(config, &server)).await;
    fail_elsewhere(&world, 1).await;
    world.app().notify.ring();
    mails(&server, 1).await;
    fail_elsewhere(&world, 1_600).await;
    for told in ["1499 jobs failed", "101 jobs failed"] {
        world.later(HOUR);
        world.app().notify.ring();
        eventually_async("the next mail about jobs", DEADLINE, || async { about(&server, told) }).await;
    }
    fail_elsewhere(&world, 2).await;
    world.later(HOUR);
    world.app().notify.ring();
    eventually_async("and what failed later", DEADLINE, || async { about(&server, " 2 jobs failed") }).await;
}

#[tokio::test]
async fn x_04_a_message_that_a_wrong_clock_has_put_off_is_sent_when_the_clock_is_right() {
    let receiver = Receiver::start();
    receiver.answer(500);
    let world = World::start_with(|config| by_webhook(config, &receiver)).await;
    let real = world.clock.now();
    world.clock.set("2036-11-22T12:00:00Z".parse().unwrap());
    world.run(JobRequest::Import { feed: patchwharf_model::FeedId::new(), confirm_shrink: false }).await;
    eventually_async("it is put off", DEADLINE, || async {
        made(&world).await.into_iter().find(|one| !one.last_error.is_empty())
    })
    .await;
    world.clock.set(real);
    receiver.answer(204);
    let mut w = world.app().db.write("test", "test", real).await.unwrap();
    patchwharf_db::timers::pull_in(&mut w, Duration::from_secs(8 * 24 * 3600)).await.unwrap();
    w.commit().await.unwrap();
    world.app().notify.ring();
    eventually_async("it is sent", DEADLINE, || async {
        made(&world).await.into_iter().all(|one| one.sent_at.is_some()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_ever_later_and_given_up_after_days() {
    let receiver = Receiver::start();
    receiver.answer(500);
    let world = World::start_with(|config| by_webhook(config, &receiver)).await;
    let feed = patchwharf_model::FeedId::new();
    world.run(JobRequest::Import { feed, confirm_shrink: false }).await;
    eventually_async("the first attempt", DEADLINE, || async { receiver.deliveries().pop() }).await;
    // A row that is being sent is held for a few minutes; what is noted afterwards is the pause.
    let paused = async |attempts: u32, minutes: u64| {
        let next = world.clock.now() + Duration::from_secs(minutes * 60);
        eventually_async("the failure is noted", DEADLINE, || async {
            let rows = made(&world).await;
            rows.into_iter().find(|one| one.attempts == attempts && one.next_try_at == Some(next))
        })
        .await
    };
    assert_eq!(paused(1, 1).await.last_error, "the receiver answered 500 Internal Server Error");
    // Nobody waits for it.
    let ok = Payload::random("ok.exe", 10_000);
    world.catalogue(&[("B-1", vec![world.publish(&ok)])]).await;
    world.stage(&["B-1"]).await.done();
    for (attempt, minutes) in [(2, 2), (3, 4)] {
        world.later(Duration::from_secs(3 * 60));
        world.app().notify.ring();
        paused(attempt, minutes).await;
    }
    receiver.answer(204);
    world.later(HOUR);
    world.app().notify.ring();
    eventually_async("it is sent at last", DEADLINE, || async {
        made(&world).await.into_iter().all(|one| one.sent_at.is_some()).then_some(())
    })
    .await;
    receiver.answer(500);
    world.run(JobRequest::Import { feed, confirm_shrink: true }).await;
    paused(1, 1).await;
    world.later(Duration::from_secs(4 * 24 * 3600));
    world.app().notify.ring();
    eventually_async("it is given up", DEADLINE, || async {
        let rows = made(&world).await;
        rows.into_iter().find(|one| one.sent_at.is_none() && one.next_try_at.is_none())
    })
    .await;
}

#[tokio::test]
async fn w_19_a_token_in_the_receivers_address_is_told_to_nobody() {
    let world = World::start_with(|config| {
        // Nobody listens there.
        let url = "http://user:canary@127.0.0.1:1/hook/canary?token=canary";
        config.notify.webhook.url = Some(Hidden::new(url.parse().unwrap()));
        config.notify.webhook.inside = true;
        config.notify.low_space_bytes = 0;
    })
    .await;
    world.run(JobRequest::Import { feed: patchwharf_model::FeedId::new(), confirm_shrink: false }).await;
    let row = eventually_async("the failure is noted", DEADLINE, || async {
        made(&world).await.into_iter().find(|one| !one.last_error.is_empty())
    })
    .await;
    assert!(row.last_error.contains("the receiver http://127.0.0.1:1;"), "{row:#?}");
    assert!(!row.last_error.contains("canary"), "{row:#?}");
}

#[tokio::test]
async fn w_14_a_webhook_that_leads_inside_is_refused_unless_that_is_meant() {
    let receiver = Receiver::start();
    let world = World::start_with(|config| {
        by_webhook(config, &receiver);
        config.notify.webhook.inside = false;
    })
    .await;
    world.run(JobRequest::Import { feed: patchwharf_model::FeedId::new(), confirm_shrink: false }).await;
    let row = eventually_async("the refusal is noted", DEADLINE, || async {
        made(&world).await.into_iter().find(|one| !one.last_error.is_empty())
    })
    .await;
    assert!(row.last_error.contains("notify.webhook.inside"), "{row:#?}");
    assert!(!row.last_error.contains("canary"), "the URL may hold a token: {row:#?}");
    assert!(receiver.deliveries().is_empty(), "no byte was sent");
}

#[tokio::test]
async fn stale_feeds_and_low_space_are_told() {
    let server = MailServer::start();
    let world = World::start_with(|config| {
        by_mail(config, &server);
        config.notify.low_space_bytes = u64::MAX;
    })
    .await;
    world.app().notify.ring();
    let space =
        eventually_async("a mail about space", DEADLINE, || async { about(&server, "little free space") }).await;
    assert!(space.body().contains("bytes are free, less than"), "{}", space.body());
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let change = feeds::FeedChange { schedule_minutes: Some(Some(60)), ..feeds::FeedChange::default() };
    feeds::update(&mut w, world.feed, &change).await.unwrap();
    w.commit().await.unwrap();
    world.later(Duration::from_secs(4 * 24 * 3600));
    world.app().notify.ring();
    let stale =
        eventually_async("a mail about the feed", DEADLINE, || async { about(&server, "1 feed is stale") }).await;
    assert!(stale.body().contains("feed vendor") && stale.body().contains("never imported"), "{}", stale.body());
}

#[tokio::test]
async fn a_mail_server_with_tls_and_a_login_is_used_and_its_password_is_told_to_nobody() {
    const CANARY: &str = "canary-mail-password";
    let home = tempfile::tempdir().unwrap();
    let made_certificate = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(home.path())
        .output();
    if !made_certificate.is_ok_and(|output| output.status.success()) {
        return skipped("a mail server with TLS: openssl is not there");
    }
    let server = MailServer::start_tls(&home.path().join("cert.pem"), &home.path().join("key.pem"));
    let password = secret(home.path(), "mail.password", CANARY);
    let ca_file = camino::Utf8PathBuf::from_path_buf(home.path().join("cert.pem")).unwrap();
    let world = World::start_with(|config| {
        by_mail(config, &server);
        config.notify.mail.server = Some(format!("localhost:{}", server.address().port()));
        config.notify.mail.tls = Tls::Starttls;
        config.notify.mail.user = Some("patchwharf".into());
        config.notify.mail.password_file = Some(password.clone());
        config.notify.mail.ca_file = Some(ca_file.clone());
    })
    .await;
    server.set(Manner::Busy);
    world.run(JobRequest::Import { feed: patchwharf_model::FeedId::new(), confirm_shrink: false }).await;
    eventually_async("the refusal is noted", DEADLINE, || async {
        let rows = made(&world).await;
        rows.into_iter().find(|one| one.last_error.contains("no time now"))
    })
    .await;
    server.set(Manner::Takes);
    world.later(HOUR);
    world.app().notify.ring();
    let mail = mails(&server, 1).await.remove(0);
    assert!(mail.over_tls);
    assert_eq!(mail.login, Some(("patchwharf".into(), CANARY.into())));
    let everything = format!("{:?} {:?} {:?}", world.app().config, made(&world).await, world.app().notify);
    assert!(!everything.contains(CANARY));
}

#[tokio::test]
async fn without_a_channel_nothing_is_written_down() {
    let world = World::start().await;
    damaged(&world, "B-1").await;
    world.app().notify.ring();
    assert!(made(&world).await.is_empty());
    assert!(notifications::kinds(&world.app().db).await.unwrap().is_empty());
}

/// A sign-in of a stranger, as the API takes it.
async fn guesses(world: &World) -> u16 {
    let peer: std::net::SocketAddr = ([203, 0, 113, 7], 4711).into();
    let request = axum::http::Request::post("/api/v1/session").header("content-type", "application/json");
    let request = request.extension(axum::extract::ConnectInfo(peer));
    let request = request.body(axum::body::Body::from(r#"{"name":"anna","password":"a wrong one"}"#)).unwrap();
    api::router(std::sync::Arc::clone(world.app())).oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn w_05_twenty_failed_sign_ins_become_a_message_and_so_does_their_end() {
    let server = MailServer::start();
    let world = World::start_with(|config| by_mail(config, &server)).await;
    for n in 0..20 {
        assert!(about(&server, "somebody guesses passwords").is_none(), "after {n}");
        assert_eq!(guesses(&world).await, 401, "{n}");
        // As long as the longest wait.
        world.later(Duration::from_secs(61));
    }
    world.app().notify.ring();
    let told =
        eventually_async("a mail about guesses", DEADLINE, || async { about(&server, "somebody guesses passwords") })
            .await;
    let body = told.body();
    assert!(body.contains("20 failed sign-ins of late") && body.contains("203.0.113.7"), "{body}");
    assert!(body.contains("account anna"), "{body}");
    world.later(HOUR);
    world.app().notify.ring();
    eventually_async("a mail that it is over", DEADLINE, || async {
        about(&server, "nobody guesses passwords any more")
    })
    .await;
}

#[tokio::test]
async fn w_23_an_audit_trail_that_does_not_hold_becomes_a_message() {
    let server = MailServer::start();
    let world = World::start_with(|config| by_mail(config, &server)).await;
    let database = world.data().join("patchwharf.db");
    patchwharf_testkit::tamper(database.as_std_path(), "UPDATE audit SET actor = 'nobody' WHERE audit_id = 2").await;
    patchwharf_server::trail::seal(world.app()).await.unwrap();
    world.app().notify.ring();
    let told = eventually_async("a mail about the trail", DEADLINE, || async {
        about(&server, "the audit trail does not hold")
    });
    let body = told.await.body();
    assert!(body.contains("does not hold at change 2") && body.contains("audit verify"), "{body}");
}
