//! Relocation: the switch of rows, originals, what is counted, a lost location.

use patchwharf_db::{
    audit, locations, packages,
    packages::{LockOutcome, Relocated, StagedFile, StagedVersion},
    policies::{self, OnRevision},
    updates,
};
use patchwharf_model::{JobId, LocationId, PackageId, package::VersionState};

use crate::sandbox::{Sandbox, at, stamp, update};

crate::on_both!(
    a_switch_moves_location_inodes_and_proofs_and_leaves_an_original,
    a_stalled_mover_switches_nothing,
    a_stalled_prune_takes_nothing_off_the_record,
    an_original_that_cannot_be_removed_is_on_record_again,
    a_linked_neighbours_proof_follows_its_inode,
    no_original_is_a_copy_of_its_own_where_two_share_their_bytes,
    what_is_to_be_moved_is_what_is_served_or_pinned,
    what_lies_there_as_an_original_needs_no_room,
    the_same_content_is_counted_once_and_not_where_it_is,
    a_version_stays_while_an_original_is_recorded,
    no_location_is_added_beside_one_that_is_looked_at,
    stamps_follow_our_own_unlinks_at_every_location,
    a_lost_location_leaves_its_packages_missing_at_the_default_one,
);

/// Locks packages for a job and returns the tokens.
async fn tokens(s: &Sandbox, job: JobId, ids: &[PackageId]) -> Vec<i64> {
    let mut w = s.write(30).await;
    let outcomes = packages::lock(&mut w, ids, job, at(1000)).await.unwrap();
    w.commit().await.unwrap();
    outcomes
        .into_iter()
        .map(|(_, outcome)| match outcome {
            LockOutcome::Held { token } => token,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// What a mover would write of a staged version: new inodes from `inode` on.
fn moved(one: &StagedVersion, token: i64, from: LocationId, to: LocationId, inode: u64) -> Relocated {
    let files = one.files.iter().zip(inode..).map(|(file, inode)| StagedFile {
        stamp: stamp(inode),
        verified_at: at(40),
        ..file.clone()
    });
    Relocated {
        package_id: one.package_id,
        version: one.version,
        token,
        from,
        to,
        same_data: false,
        files: files.collect(),
    }
}

async fn relocate(s: &Sandbox, job: JobId, rows: &[Relocated]) -> packages::Relocation {
    let mut w = s.write(40).await;
    let done = packages::relocate(&mut w, job, rows).await.unwrap();
    packages::unlock(&mut w, job, None).await.unwrap();
    w.commit().await.unwrap();
    done
}

async fn a_switch_moves_location_inodes_and_proofs_and_leaves_an_original(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let job = JobId::new();
    let held = tokens(s, job, &[staged[0].package_id]).await;
    let done = relocate(s, job, &[moved(&staged[0], held[0], old, new, 9_000)]).await;
    assert_eq!((done.moved, done.lost), (vec![(staged[0].package_id, 1)], Vec::new()));
    let content = packages::content(&s.db, staged[0].package_id, 1, staged[0].files[0].name.as_str());
    let content = content.await.unwrap().unwrap();
    assert_eq!((content.location_id, content.proof), (new, Some((stamp(9_000), at(40)))));
    assert!(content.token > held[0], "what was read before the switch is worth nothing");
    let inodes = [(stamp(0).dev, staged[0].files[0].stamp.inode)];
    assert!(packages::proofs(&s.db, old, &inodes).await.unwrap().is_empty(), "no file has the old inode any more");
    let original = packages::originals_of(&s.db, &[(staged[0].package_id, 1)]).await.unwrap().remove(0);
    assert_eq!((original.location_id, original.served_from, original.same_data), (old, new, false));
    let (moved_one, other) = ([staged[0].package_id], [staged[1].package_id]);
    for (of, before, versions) in
        [(None, 40, 1), (Some(&moved_one[..]), 40, 1), (Some(&other[..]), 40, 0), (None, 39, 0)]
    {
        let totals = packages::original_totals(&s.db, old, at(before), of).await.unwrap();
        assert_eq!(totals.versions, versions, "{of:?} {before}");
    }
    assert_eq!(updates::show(&s.db, ids[0]).await.unwrap().proved_at, Some(at(40)), "derived columns follow");
    let usage = locations::usage(&s.db).await.unwrap();
    let used = |id| usage.iter().find(|used| used.location_id == id).map(|used| (used.packages, used.originals));
    assert_eq!((used(old), used(new)), (Some((1, 1)), Some((1, 0))));
    for (location, text) in [(old, None), (new, None), (old, Some("revision")), (new, Some("revision"))] {
        let filter =
            packages::PackageFilter { location: Some(location), text: text.map(str::to_owned), ..Default::default() };
        let (sort, descending, cursor) = (packages::PackageSort::Size, true, None);
        let asked = packages::PackageQuery { filter, sort, descending, cursor, limit: 10, with_total: true };
        let page = packages::list(&s.db, &asked).await.unwrap();
        let found: Vec<PackageId> = page.rows.iter().map(|row| row.package_id).collect();
        assert_eq!((page.total, found), (Some(1), vec![staged[usize::from(location == old)].package_id]), "{text:?}");
    }
    let trail = audit::list(&s.db, audit::AuditFilter::default(), None, 1).await.unwrap();
    assert_eq!(trail.rows[0].action, "package.relocate");
    // And back: the copy there becomes the original.
    let held = tokens(s, job, &[staged[0].package_id]).await;
    relocate(s, job, &[moved(&staged[0], held[0], new, old, 9_100)]).await;
    let original = packages::originals_of(&s.db, &[(staged[0].package_id, 1)]).await.unwrap();
    assert_eq!(original.iter().map(|o| (o.location_id, o.served_from)).collect::<Vec<_>>(), [(new, old)]);
}

async fn a_stalled_mover_switches_nothing(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let packages: Vec<PackageId> = staged.iter().map(|one| one.package_id).collect();
    let (stalled, other) = (JobId::new(), JobId::new());
    let held = tokens(s, stalled, &packages).await;
    // Its lock runs out and another takes one of the packages.
    let mut w = s.write(2_000).await;
    packages::lock(&mut w, &packages[..1], other, at(3_000)).await.unwrap();
    w.commit().await.unwrap();
    let rows: Vec<Relocated> =
        staged.iter().zip(&held).map(|(one, token)| moved(one, *token, old, new, 9_000 + one.version)).collect();
    let done = relocate(s, stalled, &rows).await;
    assert_eq!((done.moved, done.lost), (vec![(packages[1], 1)], vec![packages[0]]));
    let versions = packages::versions(&s.db, &packages[..1]).await.unwrap();
    assert_eq!(versions[0].location_id, old);
    assert_eq!(packages::originals_of(&s.db, &[(packages[0], 1)]).await.unwrap(), []);
}

/// Two packages that were moved; each has its original at the first place.
async fn moved_two(s: &Sandbox, job: JobId) -> ([LocationId; 2], Vec<PackageId>) {
    let (_, ids) = s.catalogue(2).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let packages: Vec<PackageId> = staged.iter().map(|one| one.package_id).collect();
    let held = tokens(s, job, &packages).await;
    let rows: Vec<Relocated> =
        staged.iter().zip(&held).zip([9_000, 9_100]).map(|((one, token), n)| moved(one, *token, old, new, n)).collect();
    assert_eq!(relocate(s, job, &rows).await.moved.len(), 2);
    ([old, new], packages)
}

async fn a_stalled_prune_takes_nothing_off_the_record(s: &Sandbox) {
    let (mover, stalled, other) = (JobId::new(), JobId::new(), JobId::new());
    let ([old, _], packages) = moved_two(s, mover).await;
    let held = tokens(s, stalled, &packages).await;
    let held: Vec<packages::Held> = packages
        .iter()
        .zip(held)
        .map(|(package_id, token)| packages::Held { package_id: *package_id, version: 1, token })
        .collect();
    // Its locks run out, and another takes one of the packages.
    let mut w = s.write(2_000).await;
    packages::lock(&mut w, &packages[..1], other, at(3_000)).await.unwrap();
    let removal = packages::take_originals(&mut w, stalled, at(4_000), old, &held).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(removal.free.into_iter().collect::<Vec<_>>(), [(packages[1], 1)]);
    assert_eq!(removal.taken.iter().map(|one| one.package_id).collect::<Vec<_>>(), [packages[1]]);
    let left = packages::originals_of(&s.db, &[(packages[0], 1), (packages[1], 1)]).await.unwrap();
    assert_eq!(left.iter().map(|one| one.package_id).collect::<Vec<_>>(), [packages[0]]);
    // What was read before is worth nothing now, and the lock was prolonged.
    let mut w = s.write(3_500).await;
    assert_eq!(packages::take_originals(&mut w, stalled, at(5_000), old, &held).await.unwrap(), Default::default());
    let outcomes = packages::lock(&mut w, &packages[1..], other, at(9_000)).await.unwrap();
    assert!(matches!(outcomes[0].1, LockOutcome::Busy { .. }), "{outcomes:?}");
}

async fn an_original_that_cannot_be_removed_is_on_record_again(s: &Sandbox) {
    let job = JobId::new();
    let ([old, new], packages) = moved_two(s, job).await;
    let before = packages::originals_at(&s.db, old, at(1_000), None, 10).await.unwrap();
    let tokens = tokens(s, job, &packages).await;
    let held = |at: usize| packages::Held { package_id: packages[at], version: 1, token: tokens[at] };
    let mut w = s.write(50).await;
    // What is served from a place is no original there, whatever is asked.
    let none = packages::take_originals(&mut w, job, at(1_000), new, &[held(0)]).await.unwrap();
    assert_eq!(none, packages::Removal::default());
    let removal = packages::take_originals(&mut w, job, at(1_000), old, &[held(1)]).await.unwrap();
    packages::put_back_originals(&mut w, old, &removal.taken).await.unwrap();
    packages::put_back_originals(&mut w, new, &removal.taken).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(packages::originals_at(&s.db, old, at(1_000), None, 10).await.unwrap(), before);
    assert!(packages::originals_at(&s.db, new, at(1_000), None, 10).await.unwrap().is_empty());
}

async fn no_original_is_a_copy_of_its_own_where_two_share_their_bytes(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let places = [s.location().await, s.location().await, s.location().await];
    let staged = s.stage(places[0], &ids).await;
    let (job, one) = (JobId::new(), &staged[0]);
    for (from, to, same_data) in [(0, 1, true), (1, 2, false)] {
        let held = tokens(s, job, &[one.package_id]).await;
        let row = Relocated { same_data, ..moved(one, held[0], places[from], places[to], 9_000 + to as u64) };
        assert_eq!(relocate(s, job, &[row]).await.moved.len(), 1);
    }
    let originals = packages::originals_of(&s.db, &[(one.package_id, 1)]).await.unwrap();
    assert_eq!(originals.iter().map(|o| o.same_data).collect::<Vec<_>>(), [true, true]);
}

async fn a_linked_neighbours_proof_follows_its_inode(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let job = JobId::new();
    // Both packages have one inode; the first is moved by a link, which changes its ctime.
    let inode = staged[1].files[0].stamp.inode;
    let held = tokens(s, job, &[staged[1].package_id]).await;
    let linked = packages::Relocated { same_data: true, ..moved(&staged[1], held[0], old, new, inode) };
    let mut w = s.write(25).await;
    let neighbour = packages::Verified {
        held: packages::Held { package_id: staged[0].package_id, version: 1, token: staged[0].token + 1 },
        state: VersionState::Staged,
        reason: String::new(),
        files: vec![packages::FileResult {
            name: staged[0].files[0].name.to_string(),
            state: VersionState::Staged,
            reason: String::new(),
            proof: Some((stamp(inode), staged[1].files[0].sha256)),
        }],
    };
    assert!(packages::put_verified(&mut w, None, at(25), &[neighbour]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let mut after = linked.clone();
    after.files[0].stamp.ctime_ns = 777;
    relocate(s, job, &[after]).await;
    for place in [old, new] {
        let proofs = packages::proofs(&s.db, place, &[(stamp(0).dev, inode)]).await.unwrap();
        assert_eq!(proofs.iter().map(|proof| proof.stamp.ctime_ns).collect::<Vec<_>>(), [777], "{place}");
    }
}

async fn what_is_to_be_moved_is_what_is_served_or_pinned(s: &Sandbox) {
    let (feed, ids) = s.catalogue(3).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let mut w = s.write(22).await;
    policies::create(&mut w, "pinned", true, OnRevision::Ask, &ids[..1]).await.unwrap();
    w.commit().await.unwrap();
    // The next versions of the first two: the first one's content was revised, and the policy holds the old version.
    s.import(feed, vec![], vec![update(0, "2"), update(1, "1"), update(2, "1")]).await;
    s.stage(old, &ids[..2]).await;
    let found = packages::to_relocate(&s.db, old, None, 100).await.unwrap();
    let mut expected = vec![
        (staged[0].package_id, 1),
        (staged[0].package_id, 2),
        (staged[1].package_id, 2),
        (staged[2].package_id, 1),
    ];
    expected.sort();
    assert_eq!(found.iter().map(|v| (v.package_id, v.version)).collect::<Vec<_>>(), expected);
    let first = packages::to_relocate(&s.db, old, None, 2).await.unwrap();
    let after = first.last().map(|v| (v.package_id, v.version));
    let rest = packages::to_relocate(&s.db, old, after, 100).await.unwrap();
    assert_eq!([first, rest].concat(), found);
    assert!(packages::to_relocate(&s.db, new, None, 100).await.unwrap().is_empty());
}

async fn what_lies_there_as_an_original_needs_no_room(s: &Sandbox) {
    let ([old, new], _) = moved_two(s, JobId::new()).await;
    let back = packages::relocation_totals(&s.db, new, old, None).await.unwrap();
    assert_eq!((back.versions, back.size_bytes, back.there), (2, 20, 2));
    assert_eq!((back.contents, back.content_bytes), (0, 0), "{back:?}");
    let third = s.location().await;
    let on = packages::relocation_totals(&s.db, new, third, None).await.unwrap();
    assert_eq!((on.versions, on.there, on.contents), (2, 0, 2));
}

async fn the_same_content_is_counted_once_and_not_where_it_is(s: &Sandbox) {
    let (_, ids) = s.catalogue(3).await;
    let (old, new) = (s.location().await, s.location().await);
    s.stage(old, &ids[..2]).await;
    let all = packages::relocation_totals(&s.db, old, new, None).await.unwrap();
    assert_eq!((all.packages, all.versions, all.size_bytes, all.contents, all.content_bytes), (2, 2, 20, 2, 20));
    // The second version of a package holds what the first one held.
    let again = s.stage(new, &ids[..1]).await;
    let rest = packages::relocation_totals(&s.db, old, new, None).await.unwrap();
    assert_eq!((rest.versions, rest.contents), (1, 1), "{rest:?}");
    let none = packages::relocation_totals(&s.db, old, new, Some(&[again[0].package_id])).await.unwrap();
    assert_eq!(none, packages::RelocationTotals::default());
    let back = packages::relocation_totals(&s.db, new, old, None).await.unwrap();
    assert_eq!((back.versions, back.contents), (1, 0), "the old place has that content still: {back:?}");
    assert_eq!(packages::long_paths(&s.db, old, 3, 10).await.unwrap().len(), 2);
    assert!(packages::long_paths(&s.db, old, 100, 10).await.unwrap().is_empty());
}

async fn no_location_is_added_beside_one_that_is_looked_at(s: &Sandbox) {
    let first = s.location().await;
    let mut one = s.write(10).await;
    assert_eq!(locations::known(&mut one).await.unwrap().len(), 1);
    let other = async {
        let mut other = s.write(11).await;
        locations::known(&mut other).await.unwrap()
    };
    let made = LocationId::new();
    let adding = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        locations::create(&mut one, made, format!("/srv/{made}").as_str().into()).await.unwrap();
        one.commit().await.unwrap();
    };
    let (seen, ()) = tokio::join!(other, adding);
    let mut seen: Vec<LocationId> = seen.into_iter().map(|row| row.location_id).collect();
    seen.sort();
    let mut expected = vec![first, made];
    expected.sort();
    assert_eq!(seen, expected, "the other one waits until what is added is on record");
}

async fn a_version_stays_while_an_original_is_recorded(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let (job, package) = (JobId::new(), staged[0].package_id);
    let held = tokens(s, job, &[package]).await;
    relocate(s, job, &[moved(&staged[0], held[0], old, new, 9_000)]).await;
    let freed = packages::freed(&s.db, &[package]).await.unwrap();
    assert_eq!((freed.originals, freed.original_bytes), (1, 10));
    let held = tokens(s, job, &[package]).await;
    let mut w = s.write(50).await;
    packages::mark_packages_deleting(&mut w, job, &[(package, held[0])], |_| None).await.unwrap();
    assert_eq!(packages::remove_versions(&mut w, &[(package, 1)]).await.unwrap(), 0);
    assert!(locations::remove(&mut w, old, true).await.is_err(), "it is the default");
    assert_eq!(packages::forget_originals(&mut w, &[(package, 1, old)]).await.unwrap(), 1);
    assert_eq!(packages::remove_versions(&mut w, &[(package, 1)]).await.unwrap(), 1);
    w.commit().await.unwrap();
    assert!(packages::versions(&s.db, &[package]).await.unwrap().is_empty());
}

async fn stamps_follow_our_own_unlinks_at_every_location(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let (job, package) = (JobId::new(), staged[0].package_id);
    let held = tokens(s, job, &[package]).await;
    relocate(s, job, &[moved(&staged[0], held[0], old, new, 9_000)]).await;
    let after = patchwharf_model::package::ProofStamp { ctime_ns: 99, ..stamp(9_000) };
    let other = patchwharf_model::package::ProofStamp { ctime_ns: 1, ..stamp(9_000) };
    let mut w = s.write(50).await;
    assert_eq!(packages::restamp(&mut w, &[(other, after)]).await.unwrap(), 0, "made for another stamp");
    assert_eq!(packages::restamp(&mut w, &[(stamp(9_000), after)]).await.unwrap(), 1);
    w.commit().await.unwrap();
    let proofs = packages::proofs(&s.db, new, &[(after.dev, 9_000)]).await.unwrap();
    assert_eq!(proofs[0].stamp, after);
}

async fn a_lost_location_leaves_its_packages_missing_at_the_default_one(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let (old, new) = (s.location().await, s.location().await);
    let first = s.stage(old, &ids[..1]).await;
    let second = s.stage(old, &ids[..1]).await;
    assert_eq!((first[0].version, second[0].version), (1, 2));
    s.begin_stage(JobId::new(), old, &ids[1..]).await;
    let mut w = s.write(50).await;
    locations::set_default(&mut w, new).await.unwrap();
    assert!(locations::remove(&mut w, old, false).await.unwrap_err().to_string().contains("location relocate"));
    locations::remove(&mut w, old, true).await.unwrap();
    w.commit().await.unwrap();
    let versions = packages::versions_of(&s.db, &ids).await.unwrap();
    assert!(versions.iter().all(|v| v.location_id == new), "{versions:#?}");
    let states: Vec<_> = versions.iter().map(|v| (v.version, v.state)).collect();
    assert!(states.contains(&(1, VersionState::Deleting)), "what was retired goes: {states:?}");
    assert!(states.contains(&(2, VersionState::Missing)) && states.contains(&(1, VersionState::Staging)), "{states:?}");
    let missing = versions.iter().find(|v| v.state == VersionState::Missing).unwrap();
    assert!(missing.reason.contains("given up"), "{}", missing.reason);
    assert_eq!(updates::show(&s.db, ids[0]).await.unwrap().state, Some(VersionState::Missing));
}

/// Reading all versions or files for each row of a batch would make ten thousand packages take minutes.
#[tokio::test]
async fn a_switch_of_many_versions_costs_as_many_statements_as_one_of_few() {
    let s = Sandbox::sqlite().await;
    let (_, ids) = s.catalogue(60).await;
    let (old, new) = (s.location().await, s.location().await);
    let staged = s.stage(old, &ids).await;
    let job = JobId::new();
    let mut statements = Vec::new();
    for part in [&staged[..10], &staged[10..]] {
        let packages: Vec<PackageId> = part.iter().map(|one| one.package_id).collect();
        let held = tokens(&s, job, &packages).await;
        let rows: Vec<Relocated> = part
            .iter()
            .zip(held)
            .enumerate()
            .map(|(n, (one, token))| moved(one, token, old, new, 90_000 + 100 * part.len() as u64 + n as u64))
            .collect();
        let before = s.db.statements();
        relocate(&s, job, &rows).await;
        statements.push(s.db.statements() - before);
    }
    assert_eq!(statements[0], statements[1]);
}
