//! Rows made again from manifests: what is known by packages only, until a feed names it.

use patchwharf_db::{
    bulletins,
    catalogue::{LostUpdate, make_known, under_other_ids},
    feeds::{self, NewFeed},
    packages::{self, Adopted, Adoption, Older, OlderFile, Rebuilt},
    policies::{self, OnRevision},
    updates,
};
use patchwharf_model::{
    BulletinId, LocationId, PackageId, UpdateId,
    package::VersionState,
    update::{PayloadFile, VendorDigest},
};

use crate::{
    catalogue::query,
    sandbox::{Sandbox, at, bulletin, sha, staged_file, update},
};

crate::on_both!(
    what_only_packages_tell_is_shown_unproved_until_the_feed_of_that_name_lists_it,
    what_is_known_is_left_as_it_is,
    a_feed_that_is_there_is_not_lost,
    what_was_replaced_is_retired_and_never_taken_back,
    an_update_that_has_another_id_is_found_before,
    who_makes_rows_anew_is_alone,
);

/// What a manifest of the sandbox's update `n` tells.
fn lost(n: usize) -> LostUpdate {
    let known = update(n, "a");
    LostUpdate {
        update_id: UpdateId::new(),
        key: known.key,
        bulletin_id: BulletinId::new(),
        bulletin: known.bulletin,
        staged_at: at(5),
        files: known.files,
        files_digest: known.files_digest,
        item: "{}".into(),
        digest: sha("lost"),
    }
}

fn rebuilt(of: &LostUpdate, update_id: UpdateId, location_id: LocationId, inode: u64) -> Rebuilt {
    Rebuilt {
        package_id: PackageId::new(),
        version: 7,
        next_version: 9,
        update_id,
        location_id,
        staged_at: of.staged_at,
        weak: of.files.iter().any(|file| matches!(file.digest, VendorDigest::Sha1(_))),
        unproved: true,
        files_digest: of.files_digest,
        files: of.files.iter().zip(inode..).map(|(file, inode)| staged_file(&file.name, inode)).collect(),
        vendor: of.files.iter().map(|file| (file.digest, file.url.clone())).collect(),
    }
}

/// Makes the rows of two updates of feed `hp`; what was made.
async fn rebuild(s: &Sandbox) -> (Vec<LostUpdate>, Vec<Rebuilt>) {
    let location = s.location().await;
    let lost = vec![lost(1), lost(2)];
    let mut w = s.write(20).await;
    let feed = feeds::of_name_or_lost(&mut w, "hp").await.unwrap();
    assert!(feed.is_lost);
    let ids = make_known(&mut w, feed.feed_id, &lost).await.unwrap();
    assert_eq!(ids, lost.iter().map(|one| one.update_id).collect::<Vec<_>>(), "the ids of the manifests are kept");
    let rows: Vec<Rebuilt> =
        lost.iter().zip(&ids).zip([100, 200]).map(|((one, id), inode)| rebuilt(one, *id, location, inode)).collect();
    let made = packages::rebuild(&mut w, &rows).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(made.len(), 2);
    (lost, rows)
}

fn hp() -> NewFeed {
    NewFeed { name: "hp".into(), kind: "sdp".into(), config: "{}".into(), accept_sha1: false, schedule_minutes: None }
}

async fn what_only_packages_tell_is_shown_unproved_until_the_feed_of_that_name_lists_it(s: &Sandbox) {
    let (lost, rows) = rebuild(s).await;
    let shown = updates::show(&s.db, lost[0].update_id).await.unwrap();
    assert_eq!((shown.state, shown.unproved, shown.listed), (Some(VersionState::Staged), Some(true), false));
    assert_eq!(shown.package_id, Some(rows[0].package_id));
    let page = bulletins::list(&s.db, &query()).await.unwrap();
    assert!(page.rows.iter().all(|bulletin| bulletin.packages == 0), "not downloaded: {:#?}", page.rows);
    assert_eq!(packages::unproved(&s.db).await.unwrap().len(), 2);
    let mut w = s.write(30).await;
    let policy = policies::create(&mut w, "p", true, OnRevision::Automatic, &[lost[0].update_id]).await.unwrap();
    assert_eq!(packages::prove_named(&mut w, 100).await.unwrap(), 0, "nobody names them");
    w.commit().await.unwrap();
    let switch = policies::switches(&s.db, policy).await.unwrap().remove(0);
    assert_eq!(switch.package_id, None, "no policy hands out what nobody vouches for");

    // The feed of that name is the same feed: its updates keep their ids.
    let mut w = s.write(40).await;
    let feed = feeds::create(&mut w, &hp()).await.unwrap();
    w.commit().await.unwrap();
    let ids = s.import(feed, vec![bulletin(1)], vec![update(1, "a")]).await;
    assert_eq!(ids, [lost[0].update_id]);
    let mut w = s.write(50).await;
    assert_eq!(packages::prove_named(&mut w, 100).await.unwrap(), 1, "the other one is not listed");
    assert_eq!(packages::prove_named(&mut w, 100).await.unwrap(), 0);
    w.commit().await.unwrap();
    let switch = policies::switches(&s.db, policy).await.unwrap().remove(0);
    assert_eq!((switch.package_id, switch.version), (Some(rows[0].package_id), Some(7)));
    let left = packages::unproved(&s.db).await.unwrap();
    assert_eq!(left.iter().map(|one| one.package_id).collect::<Vec<_>>(), [rows[1].package_id]);
    let page = bulletins::list(&s.db, &query()).await.unwrap();
    assert_eq!(page.rows.iter().map(|bulletin| bulletin.packages).sum::<u64>(), 1, "{:#?}", page.rows);
    // A revision with other files proves nothing.
    s.import(feed, Vec::new(), vec![update(2, "b")]).await;
    let mut w = s.write(60).await;
    assert_eq!(packages::prove_named(&mut w, 100).await.unwrap(), 0);
    w.commit().await.unwrap();
}

async fn what_is_known_is_left_as_it_is(s: &Sandbox) {
    let (lost, rows) = rebuild(s).await;
    let mut w = s.write(30).await;
    let feed = feeds::of_name_or_lost(&mut w, "hp").await.unwrap().feed_id;
    let ids = make_known(&mut w, feed, &lost).await.unwrap();
    assert_eq!(ids, lost.iter().map(|one| one.update_id).collect::<Vec<_>>());
    assert!(packages::rebuild(&mut w, &rows).await.unwrap().is_empty());
    // Another package of an update that has one.
    let other = Rebuilt { package_id: PackageId::new(), ..rows[0].clone() };
    assert!(packages::rebuild(&mut w, &[other]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let ids: Vec<PackageId> = rows.iter().map(|row| row.package_id).collect();
    assert_eq!(packages::known_packages(&s.db, &ids).await.unwrap().len(), 2);
    assert_eq!(packages::versions(&s.db, &ids).await.unwrap().len(), 2);
}

async fn a_feed_that_is_there_is_not_lost(s: &Sandbox) {
    let (feed, ids) = s.catalogue(2).await;
    let name = feeds::get(&s.db, feed).await.unwrap().name;
    let mut w = s.write(30).await;
    let found = feeds::of_name_or_lost(&mut w, &name).await.unwrap();
    assert_eq!((found.feed_id, found.is_lost), (feed, false));
    // What its catalogue names keeps its id and its revision.
    let known = updates::show(&s.db, ids[0]).await.unwrap();
    let told = LostUpdate { key: known.update_key.clone(), bulletin: known.bulletin.clone(), ..lost(1) };
    assert_eq!(make_known(&mut w, feed, &[told]).await.unwrap(), [ids[0]]);
    w.commit().await.unwrap();
    assert_eq!(updates::show(&s.db, ids[0]).await.unwrap(), known);
}

/// A version that the first of these has replaced, staged so many seconds before it.
fn replaced(by: &Rebuilt, of: &LostUpdate, package_id: PackageId) -> Older {
    let file = |file: &PayloadFile| {
        let staged = staged_file(&file.name, 1);
        OlderFile {
            name: file.name.clone(),
            size_bytes: staged.size_bytes,
            sha256: staged.sha256,
            vendor_digest: file.digest,
            url: file.url.clone(),
        }
    };
    Older {
        package_id,
        version: 3,
        next_version: 9,
        update_id: by.update_id,
        location_id: by.location_id,
        staged_at: at(2),
        unproved: true,
        files_digest: of.files_digest,
        files: of.files.iter().map(file).collect(),
    }
}

async fn what_was_replaced_is_retired_and_never_taken_back(s: &Sandbox) {
    let (lost, rows) = rebuild(s).await;
    let (other, same) = (PackageId::new(), rows[0].package_id);
    let older = [replaced(&rows[0], &lost[0], other), replaced(&rows[0], &lost[0], same)];
    let mut w = s.write(30).await;
    assert_eq!(packages::rebuild_older(&mut w, at(90), &older).await.unwrap(), 2);
    assert_eq!(packages::rebuild_older(&mut w, at(90), &older).await.unwrap(), 0, "once is enough");
    w.commit().await.unwrap();
    let shown = updates::show(&s.db, rows[0].update_id).await.unwrap();
    assert_eq!((shown.package_id, shown.current_version), (Some(same), Some(7)), "the newest stays");
    let due = |n| packages::due_for_unlink(&s.db, at(n), 10);
    assert_eq!((due(89).await.unwrap().len(), due(90).await.unwrap().len()), (0, 2), "after their grace");
    // A folder that turns up and is older than what the update has is not taken back; a newer one is, unproved.
    let adopted = |staged_at| Adopted {
        package_id: PackageId::new(),
        version: 1,
        update_id: rows[0].update_id,
        location_id: rows[0].location_id,
        staged_at,
        weak: false,
        files_digest: lost[0].files_digest,
        files: rows[0].files.clone(),
        vendor: rows[0].vendor.clone(),
    };
    let mut w = s.write(40).await;
    assert_eq!(packages::adopt(&mut w, None, at(99), &adopted(at(4))).await.unwrap(), Adoption::Older(same));
    let newer = adopted(at(6));
    assert_eq!(packages::adopt(&mut w, None, at(99), &newer).await.unwrap(), Adoption::Done);
    w.commit().await.unwrap();
    let shown = updates::show(&s.db, rows[0].update_id).await.unwrap();
    assert_eq!((shown.package_id, shown.unproved), (Some(newer.package_id), Some(true)), "no feed names it");
    let served = packages::served_of(&s.db, &[rows[0].update_id]).await.unwrap();
    assert_eq!((served[0].package_id, served[0].version, served[0].created_at), (newer.package_id, 1, at(6)));
}

async fn an_update_that_has_another_id_is_found_before(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let known = updates::show(&s.db, ids[0]).await.unwrap();
    let (feed, key) = (known.feed.clone(), known.update_key.clone());
    let (other, free) = (UpdateId::new(), UpdateId::new());
    let named = [
        (feed.clone(), key.clone(), ids[0]),
        (feed.clone(), key.clone(), other),
        (feed, "new".into(), free),
        ("another feed".into(), key, ids[1]),
    ];
    let found = under_other_ids(&s.db, &named).await.unwrap();
    assert_eq!(found, [other, ids[1]].into());
    assert!(packages::with_package(&s.db, &ids).await.unwrap().is_empty());
    let location = s.location().await;
    s.stage(location, &ids[..1]).await;
    assert_eq!(packages::with_package(&s.db, &ids).await.unwrap(), [ids[0]].into());
}

async fn who_makes_rows_anew_is_alone(s: &Sandbox) {
    let (one, two) = (s.db.be_present().await.unwrap(), s.db.be_present().await.unwrap());
    assert!(one.is_some() && two.is_some(), "servers are many");
    // Two processes do not share an SQLite database: the lock of the data folder sees to that.
    assert_eq!(s.db.be_alone().await.unwrap().is_none(), s.db.is_shared());
    one.unwrap().end().await;
    two.unwrap().end().await;
    let alone = s.db.be_alone().await.unwrap().unwrap();
    assert_eq!(s.db.be_present().await.unwrap().is_none(), s.db.is_shared());
    alone.end().await;
    assert!(s.db.be_present().await.unwrap().is_some());
}
