//! Policies.

use patchwharf_model::api::{LogRecord, Page, PolicyDetail, SwitchState, SwitchesChanged};
use patchwharf_testkit::{eventually_async, server::DEADLINE};
use reqwest::Method;
use serde_json::json;

use crate::world::{World, done};

async fn show(world: &World, name: &str) -> PolicyDetail {
    world.server.api().get(&format!("/api/v1/policies/{name}")).await
}

#[tokio::test]
async fn a_policy_follows_its_updates_and_never_goes_off_by_itself() {
    let world = World::staged().await;
    let api = world.server.api();
    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-1", "B-2"] }, "enabled": true });
    let made = api.call(Method::POST, "/api/v1/policies", Some(&wish)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: PolicyDetail = made.ok();
    assert!(made.summary.enabled && made.switches.iter().all(|switch| switch.state == SwitchState::Ready));
    let taken = api.call(Method::POST, "/api/v1/policies", Some(&wish)).await.problem();
    assert_eq!(taken.code, "name-taken", "{}", taken.detail);

    let _: serde_json::Value = api.post("/api/v1/bulletins/disable", &json!({ "bulletins": ["B-1"] })).await;
    let states: Vec<_> = show(&world, "servers").await.switches.iter().map(|s| s.state).collect();
    assert!(states.contains(&SwitchState::Withdrawn) && states.contains(&SwitchState::Ready), "{states:?}");
    let _: serde_json::Value = api.post("/api/v1/bulletins/enable", &json!({ "bulletins": ["B-1"] })).await;

    let before = world.package("B-1").await.summary.id;
    done(&api.run_job("/api/v1/bulletins/refresh", &json!({ "of": { "bulletins": ["B-1"] }, "complete": true })).await);
    let after = world.package("B-1").await.summary.id;
    assert_ne!(before, after, "a complete refresh makes a new package");
    let policy = show(&world, "servers").await;
    assert!(policy.summary.enabled);
    let switch = policy.switches.iter().find(|switch| switch.bulletin_name.as_deref() == Some("B-1")).unwrap();
    assert_eq!((switch.package, switch.state), (Some(after), SwitchState::Ready));
}

#[tokio::test]
async fn switches_are_turned_one_by_one_and_new_updates_join() {
    let world = World::staged().await;
    let api = world.server.api();
    let wish = json!({ "name": "p", "of": { "bulletins": ["B-1"] } });
    let _: PolicyDetail = api.post("/api/v1/policies", &wish).await;
    let off = json!({ "of": { "bulletins": ["B-1"] }, "enabled": false });
    let changed: SwitchesChanged = api.post("/api/v1/policies/p/switches", &off).await;
    assert_eq!((changed.changed, show(&world, "p").await.switches[0].state), (1, SwitchState::Off));
    let on = json!({ "of": { "bulletins": ["B-2"] }, "enabled": true });
    let changed: SwitchesChanged = api.post("/api/v1/policies/p/switches", &on).await;
    assert_eq!((changed.changed, show(&world, "p").await.switches.len()), (1, 2));
    let out = json!({ "bulletins": ["B-1"] });
    let gone: SwitchesChanged = api.post("/api/v1/policies/p/remove", &out).await;
    assert_eq!((gone.changed, show(&world, "p").await.switches.len()), (1, 1));
    let nothing = api.call(Method::POST, "/api/v1/policies/p/remove", Some(&json!({}))).await;
    assert_eq!(nothing.problem().code, "nothing-selected");
    assert!(world.package("B-1").await.summary.active, "its package stays");
    let again = json!({ "of": { "bulletins": ["B-1"] }, "enabled": true });
    let added: SwitchesChanged = api.post("/api/v1/policies/p/switches", &again).await;
    assert_eq!(added.changed, 1);
    let recreated: PolicyDetail = api.post("/api/v1/policies/p/recreate", &json!({})).await;
    assert_eq!((recreated.summary.name.as_str(), recreated.switches.len()), ("p", 2));
    let accepted: SwitchesChanged = api.post("/api/v1/policies/p/accept", &json!({})).await;
    assert_eq!(accepted.changed, 0);
    // What becomes of one update stands in the history of its bulletin, by the policy's name; what changes nothing does not.
    let bulletin = world.bulletin("B-2").await;
    let update = bulletin.software_updates[0].id;
    let policy = show(&world, "p").await.summary.id;
    for left in [1, 0] {
        let gone: SwitchesChanged =
            api.post(&format!("/api/v1/policies/{policy}/remove"), &json!({ "updates": [update] })).await;
        assert_eq!(gone.changed, left);
    }
    let on = json!({ "of": { "updates": [update], "bulletins": ["B-2"] }, "enabled": true });
    let _: SwitchesChanged = api.post(&format!("/api/v1/policies/{policy}/switches"), &on).await;
    // What comes after it in the log is there: so is everything before.
    let told = eventually_async("the log has all of it", DEADLINE, || async {
        let path = format!("/api/v1/logs?bulletin={}&limit=1000", bulletin.summary.id);
        let page: Page<LogRecord> = api.get(&path).await;
        let told: Vec<String> = page.items.into_iter().map(|record| record.message).collect();
        let out = told.iter().position(|message| message == "taken out of policy p")?;
        told[out..].iter().any(|message| message == "switched on in policy p").then(|| told[out..].to_vec())
    })
    .await;
    assert_eq!(told, ["taken out of policy p", "switched on in policy p"], "each once");
    assert_eq!(api.call(Method::DELETE, "/api/v1/policies/p", None).await.status, 204);
    assert_eq!(api.fetch("/api/v1/policies/p").await.problem().code, "not-found");
}

#[tokio::test]
async fn a_new_policy_is_off_unless_it_is_asked_to_be_on() {
    let world = World::staged().await;
    let api = world.server.api();
    let wish = json!({ "name": "p", "of": { "bulletins": ["B-1"] } });
    let made: PolicyDetail = api.post("/api/v1/policies", &wish).await;
    assert!(!made.summary.enabled);
    let trail: serde_json::Value = api.get("/api/v1/audit?limit=1000").await;
    let made = trail["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "policy.create").unwrap();
    assert_eq!(made["after"], "p: 1 updates, off");
    let on = json!({ "enabled": true });
    let patched: PolicyDetail = api.call(Method::PATCH, "/api/v1/policies/p", Some(&on)).await.ok();
    assert!(patched.summary.enabled);
}

#[tokio::test]
async fn v_18_what_is_pinned_by_sha1_only_is_not_offered_until_the_feed_says_so() {
    let world = World::staged().await;
    world.stage(&["B-3"]).await;
    let api = world.server.api();
    let wish = json!({ "name": "p", "of": { "bulletins": ["B-1", "B-3"] }, "enabled": true });
    let _: PolicyDetail = api.post("/api/v1/policies", &wish).await;
    let state = |policy: PolicyDetail| {
        let of = |name: &str| policy.switches.iter().find(|s| s.bulletin_name.as_deref() == Some(name)).unwrap().state;
        [of("B-1"), of("B-3")]
    };
    assert_eq!(state(show(&world, "p").await), [SwitchState::Ready, SwitchState::Weak]);
    let _: serde_json::Value =
        api.call(Method::PATCH, "/api/v1/feeds/vendor", Some(&json!({ "accept_sha1": true }))).await.ok();
    assert_eq!(state(show(&world, "p").await), [SwitchState::Ready, SwitchState::Ready]);
    let trail: serde_json::Value = api.get("/api/v1/audit?limit=1000").await;
    assert!(trail["items"].as_array().unwrap().iter().any(|entry| entry["action"] == "feed.accept-sha1"));
}

#[tokio::test]
async fn a_feed_does_not_take_switches_out_of_policies_unless_told() {
    let world = World::new().await;
    let api = world.server.api();
    let wish = json!({ "name": "p", "of": { "bulletins": ["B-1"] }, "enabled": true });
    let _: PolicyDetail = api.post("/api/v1/policies", &wish).await;
    let refused = api.call(Method::DELETE, "/api/v1/feeds/vendor", None).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (409, "still-needed"), "{}", refused.detail);
    assert!(refused.detail.contains("switches of policies"), "{}", refused.detail);
    assert_eq!(show(&world, "p").await.switches.len(), 1);
    let told = "/api/v1/feeds/vendor?packages=purge&although_needed=true";
    assert_eq!(api.call(Method::DELETE, told, None).await.status, 204);
    assert_eq!(show(&world, "p").await.switches.len(), 0);
}

#[tokio::test]
async fn r_03_one_call_refreshes_an_enabled_bulletin_under_a_running_policy() {
    let world = World::staged().await;
    let api = world.server.api();
    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-1"] }, "enabled": true });
    let made: PolicyDetail = api.post("/api/v1/policies", &wish).await;
    let before = world.package("B-1").await.summary;
    let damaged = world.on_disk(&world.address("B-1", "file-0.exe").await);
    std::fs::write(&damaged, "rotten").unwrap();

    let refresh = api.run_job("/api/v1/bulletins/refresh", &json!({ "of": { "bulletins": ["B-1"] } })).await;
    done(&refresh);
    let policy = show(&world, "servers").await;
    assert_eq!((policy.summary.id, policy.summary.enabled), (made.summary.id, true));
    assert_eq!(policy.switches[0].state, SwitchState::Ready);
    let after = world.package("B-1").await.summary;
    assert_eq!((after.id, policy.switches[0].package), (before.id, Some(after.id)));
    assert_eq!(policy.switches[0].version, after.current_version);
    assert_ne!(after.current_version, before.current_version);
    assert!(world.bulletin("B-1").await.summary.enabled, "it was never disabled");
    let fetched = api.fetch(&world.address("B-1", "file-0.exe").await).await;
    assert!(fetched.status == 200 && fetched.body == world.files[0].bytes);
    let trail: serde_json::Value = api.get("/api/v1/audit?limit=1000").await;
    assert!(trail["items"].as_array().unwrap().iter().any(|entry| entry["action"] == "policy.create"), "history stays");
    world.server.holds();
}

#[tokio::test]
async fn a_policy_over_what_fits_a_filter_is_confirmed_by_its_number() {
    let world = World::new().await;
    let api = world.server.api();
    let wish = |name: &str, confirm: u64| json!({ "name": name, "of": { "filter": { "severity": "critical" }, "confirm": confirm }, "enabled": true });
    let refused = api.call(Method::POST, "/api/v1/policies", Some(&wish("critical", 2))).await.problem();
    assert_eq!(refused.code, "confirmation-needed", "{}", refused.detail);
    let made: PolicyDetail = api.post("/api/v1/policies", &wish("critical", 1)).await;
    assert_eq!(made.switches[0].bulletin_name.as_deref(), Some("B-1"));
    let more = json!({ "of": { "filter": {}, "confirm": 3 }, "enabled": true });
    let added: SwitchesChanged = api.post("/api/v1/policies/critical/switches", &more).await;
    assert_eq!((added.changed, show(&world, "critical").await.switches.len()), (2, 3));
    let both = json!({ "of": { "bulletins": ["B-1"], "filter": {} }, "enabled": true });
    let both = api.call(Method::POST, "/api/v1/policies/critical/switches", Some(&both)).await;
    assert_eq!(both.problem().code, "invalid-body");
    let number_alone = json!({ "of": { "confirm": 3 }, "enabled": false });
    let number_alone = api.call(Method::POST, "/api/v1/policies/critical/switches", Some(&number_alone)).await;
    assert_eq!(number_alone.problem().code, "nothing-selected", "a number alone is not \"all\"");

    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let refused = run(&["policy", "create", "by hand", "--severity", "critical", "--confirm", "5"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("meant for 5 bulletins"), "{refused:?}");
    assert!(run(&["policy", "create", "by hand", "--severity", "critical", "--confirm", "1"]).ok().contains("B-1"));
    assert!(run(&["policy", "add", "by hand", "--all"]).ok().contains('2'));
    assert!(run(&["policy", "remove", "by hand", "--state", "current", "--text", "B-2"]).ok().contains('1'));
    assert_eq!(show(&world, "by%20hand").await.switches.len(), 2);
}
