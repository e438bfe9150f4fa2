//! Ordering jobs.

use patchwharf_model::job::JobState;
use patchwharf_server::jobs::Order;

use crate::rig::{Rig, request, until_stopped};

#[tokio::test]
async fn c_25_the_same_operation_id_twice_is_one_job_also_after_its_end() {
    let rig = Rig::new().await;
    let request = request();
    let order = || Order { operation_id: Some("op-1".into()), ..Order::by("admin") };
    let first = rig.app().jobs.order(request.clone(), order()).await.unwrap();
    rig.until(first.job, JobState::Done).await;
    let second = rig.app().jobs.order(request, order()).await.unwrap();
    assert_eq!((first.job, first.joined, second.joined), (second.job, false, true));
    rig.holds();
}

#[tokio::test]
async fn r_06_the_same_order_joins_the_job_that_is_not_finished() {
    let rig = Rig::new().await;
    rig.script.then(until_stopped);
    let request = request();
    let order = || rig.app().jobs.order(request.clone(), Order::by("admin"));
    let first = order().await.unwrap();
    rig.until(first.job, JobState::Running).await;
    let second = order().await.unwrap();
    assert_eq!((second.job, second.joined), (first.job, true));
    rig.app().jobs.cancel(first.job, "admin").await.unwrap();
    rig.until(first.job, JobState::Cancelled).await;
    assert!(!order().await.unwrap().joined);
    rig.holds();
}

#[tokio::test]
async fn fifty_orders_at_once_are_one_job() {
    let rig = Rig::new().await;
    rig.script.then(until_stopped);
    let request = request();
    let orders = (0..50).map(|_| rig.app().jobs.order(request.clone(), Order::by("admin")));
    let ordered = futures_util::future::join_all(orders).await;
    let first = ordered[0].as_ref().unwrap().job;
    assert!(ordered.iter().all(|o| o.as_ref().unwrap().job == first));
    assert_eq!(ordered.iter().filter(|o| !o.as_ref().unwrap().joined).count(), 1);
    rig.until(first, JobState::Running).await;
    rig.app().jobs.cancel(first, "admin").await.unwrap();
}
