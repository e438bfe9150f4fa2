//! What the store held over time.

use patchwharf_db::history;

use crate::sandbox::{Sandbox, at};

crate::on_both!(what_the_store_holds_is_noted_read_since_a_time_and_pruned);

async fn what_the_store_holds_is_noted_read_since_a_time_and_pruned(s: &Sandbox) {
    for (second, packages) in [(10, 1), (20, 2), (20, 9), (30, 3)] {
        let mut w = s.db.write("system", "history", at(second)).await.unwrap();
        history::note(&mut w, packages, packages * 100, packages * 50).await.unwrap();
        w.commit().await.unwrap();
    }
    let packages = async |since: i64| -> Vec<u64> {
        history::samples(&s.db, at(since)).await.unwrap().iter().map(|sample| sample.packages).collect()
    };
    assert_eq!(packages(0).await, [1, 2, 3], "two servers at one moment note it once");
    assert_eq!(packages(20).await, [2, 3]);
    let mut w = s.db.write("system", "history", at(40)).await.unwrap();
    assert_eq!(history::prune(&mut w, at(20)).await.unwrap(), 1);
    w.commit().await.unwrap();
    assert_eq!(packages(0).await, [2, 3]);
}
