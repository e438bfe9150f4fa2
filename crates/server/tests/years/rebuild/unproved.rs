//! What nobody vouches for is neither called sound nor deleted as unused.

use patchwharf_model::{api::JobDetail, job::JobState};
use patchwharf_testkit::Server;
use serde_json::json;

use super::Lost;
use crate::stock::BINARY;

#[tokio::test]
async fn what_is_unproved_is_named_by_staging_and_kept_by_the_rules() {
    let mut lost = Lost::new(Server::setup(BINARY), 2).await;
    drop(lost.stock.server.patchwharf(&["store", "rebuild"]).ok());
    lost.stock.server.restart().await;
    let server = &lost.stock.server;
    let names = json!({ "bulletins": ["B-0", "B-1"] });
    for (path, wish) in
        [("/api/v1/bulletins/stage", names.clone()), ("/api/v1/bulletins/refresh", json!({ "of": names }))]
    {
        let ended: JobDetail = server.api().run_job(path, &wish).await;
        assert_eq!(ended.job.state, JobState::Failed, "{ended:#?}");
        let items = ended.report.unwrap().items;
        assert_eq!(items.iter().filter(|item| item.outcome == "unproved" && item.failed).count(), 2, "{items:#?}");
        assert!(items[0].reason.contains("feed import") && items[0].reason.contains("--trust"), "{items:#?}");
    }
    let staged = server.patchwharf(&["bulletin", "stage", "B-0"]);
    assert!(staged.code == Some(1) && staged.stdout.contains("unproved"), "{staged:?}");
    let wish = json!({ "without_policy_after": "0s" });
    let ended: JobDetail = server.api().run_job("/api/v1/store/delete-unused", &wish).await;
    let items = ended.report.unwrap().items;
    assert_eq!(items.iter().filter(|item| item.outcome == "kept").count(), 2, "{items:#?}");
    assert!(items.iter().all(|item| item.reason.contains("it is unproved")), "{items:#?}");
    lost.import_again(server).await;
    lost.assert_served(server, &[0, 1]).await;
    lost.stock.stage(0..2).await;
    lost.stock.idle().await;
    server.holds();
}
