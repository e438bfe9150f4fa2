//! Packages: staging, tokens, verification, serving, deletion.

use patchwharf_db::{
    bulletins, packages,
    packages::{
        FileResult, Held, LockOutcome, PackageFilter, PackageQuery, PackageSort, Proof, Replaces, StateChange, Verified,
    },
    updates,
};
use patchwharf_model::{JobId, PackageId, package::VersionState};

use crate::sandbox::{Sandbox, at, sha, stamp, update};

crate::on_both!(
    a_staged_version_is_current_proved_and_counted,
    two_writers_race_and_exactly_one_wins,
    a_stalled_writer_changes_nothing,
    a_new_version_retires_the_old_one_and_keeps_its_bytes_linkable,
    a_replacement_takes_over_and_the_old_package_steps_back,
    a_bad_file_is_shown_and_every_name_of_its_inode_is_doubted,
    verification_of_a_changed_package_is_not_believed,
    deletion_goes_mark_unlink_remove,
    an_unfinished_version_is_discarded,
    a_failed_download_keeps_its_reason_and_its_next_try,
    lists_filter_sort_and_page,
    no_function_asks_once_per_package,
);

fn query(sort: PackageSort, limit: u32) -> PackageQuery {
    PackageQuery { filter: PackageFilter::default(), sort, descending: true, cursor: None, limit, with_total: true }
}

async fn a_staged_version_is_current_proved_and_counted(s: &Sandbox) {
    let (_, ids) = s.catalogue(3).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids[..2]).await;
    let update = updates::show(&s.db, ids[0]).await.unwrap();
    assert_eq!((update.package_id, update.current_version), (Some(staged[0].package_id), Some(1)));
    assert_eq!((update.state, update.proved_at), (Some(VersionState::Staged), Some(at(15))));
    assert_eq!(update.staged_files_digest, Some(update.files_digest));
    let owned = packages::bulletins_of(&s.db, &[staged[0].package_id, PackageId::new()]).await.unwrap();
    assert_eq!(owned, [(staged[0].package_id, update.bulletin_id)]);
    let bulletin = bulletins::show(&s.db, update.bulletin_id).await.unwrap();
    assert_eq!((bulletin.updates, bulletin.packages, bulletin.oldest_proof_at), (1, 1, Some(at(15))));
    assert!(bulletin.is_downloaded());
    let third = updates::show(&s.db, ids[2]).await.unwrap();
    assert!(!bulletins::show(&s.db, third.bulletin_id).await.unwrap().is_downloaded());

    let name = update.files[0].name.as_str();
    let content = packages::content(&s.db, staged[0].package_id, 1, name).await.unwrap().unwrap();
    assert_eq!((content.sha256, content.size_bytes, content.state), (Some(sha(name)), 10, VersionState::Staged));
    assert_eq!(content.proof, Some((staged[0].files[0].stamp, at(15))));
    assert!(packages::content(&s.db, staged[0].package_id, 2, name).await.unwrap().is_none());
    let files = packages::files(&s.db, &[(staged[0].package_id, 1), (staged[1].package_id, 1)]).await.unwrap();
    assert_eq!(files.iter().filter(|f| f.state == VersionState::Staged && f.proof.is_some()).count(), 2);
}

async fn two_writers_race_and_exactly_one_wins(s: &Sandbox) {
    let (_, ids) = s.catalogue(20).await;
    let mut w = s.write(1).await;
    let packages: Vec<PackageId> =
        packages::ensure(&mut w, &ids).await.unwrap().into_iter().map(|r| r.package_id).collect();
    w.commit().await.unwrap();
    let race = |job: JobId, ids: Vec<PackageId>| {
        let db = s.db.clone();
        async move {
            let mut w = db.write("t", "t", at(5)).await.unwrap();
            let outcomes = packages::lock(&mut w, &ids, job, at(100)).await.unwrap();
            w.commit().await.unwrap();
            outcomes.into_iter().filter(|(_, o)| matches!(o, LockOutcome::Held { .. })).count()
        }
    };
    let mut backwards = packages.clone();
    backwards.reverse();
    let (one, two) = (JobId::new(), JobId::new());
    let (a, b) = tokio::join!(tokio::spawn(race(one, packages.clone())), tokio::spawn(race(two, backwards)));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a + b, 20);
    assert!(a == 20 || b == 20, "in id order the first takes all: {a}, {b}");

    let winner = if a == 20 { one } else { two };
    let mut w = s.write(6).await;
    let again = packages::lock(&mut w, &[packages[0], PackageId::new()], JobId::new(), at(100)).await.unwrap();
    assert_eq!(again[0].1, LockOutcome::Busy { job: winner, until: at(100) });
    assert_eq!(again[1].1, LockOutcome::Gone);
    assert_eq!(packages::renew_locks(&mut w, winner, at(200)).await.unwrap(), 20);
    assert_eq!(packages::unlock(&mut w, winner, Some(&packages[..5])).await.unwrap(), 5);
    let free = packages::lock(&mut w, &packages[..1], JobId::new(), at(100)).await.unwrap();
    assert!(matches!(free[0].1, LockOutcome::Held { .. }));
    w.commit().await.unwrap();
}

async fn a_stalled_writer_changes_nothing(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let slow = JobId::new();
    let staged = s.begin_stage(slow, location, &ids).await;
    // Its lock runs out, another takes the first package.
    let mut w = s.write(2000).await;
    packages::lock(&mut w, &[staged[0].package_id], JobId::new(), at(3000)).await.unwrap();
    w.commit().await.unwrap();
    let mut w = s.write(2001).await;
    let done = packages::commit_staged(&mut w, slow, at(9000), &staged).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(done.lost, [staged[0].package_id]);
    assert_eq!(done.versions[0].package_id, staged[1].package_id);
    assert_eq!(done.versions[0].token, staged[1].token + 1);
    assert_eq!(packages::show(&s.db, staged[0].package_id).await.unwrap().current_version, None);
    assert_eq!(packages::show(&s.db, staged[1].package_id).await.unwrap().current_version, Some(1));
    // The same commit again: its token is spent.
    let mut w = s.write(2002).await;
    let again = packages::commit_staged(&mut w, slow, at(9000), &staged).await.unwrap();
    assert_eq!((again.versions.len(), again.lost.len()), (0, 2));
}

async fn a_new_version_retires_the_old_one_and_keeps_its_bytes_linkable(s: &Sandbox) {
    let (feed, ids) = s.catalogue(1).await;
    let location = s.location().await;
    let first = s.stage(location, &ids).await;
    s.import(feed, vec![], vec![update(0, "2")]).await;
    let package = first[0].package_id;
    let bulletin = updates::show(&s.db, ids[0]).await.unwrap().bulletin_id;
    assert!(!bulletins::show(&s.db, bulletin).await.unwrap().is_downloaded(), "the vendor has revised it");
    let second = s.stage(location, &ids).await;
    assert_eq!((second[0].package_id, second[0].version), (package, 2));
    assert!(bulletins::show(&s.db, bulletin).await.unwrap().is_downloaded());
    let versions = packages::versions(&s.db, &[package]).await.unwrap();
    assert_eq!(versions.iter().map(|v| v.state).collect::<Vec<_>>(), [VersionState::Retired, VersionState::Staged]);
    assert_eq!(versions[0].retire_after, Some(at(100_000)));
    let digest = sha("f0-1.exe");
    let links = packages::link_candidates(&s.db, location, &[digest, sha("else")]).await.unwrap();
    assert_eq!((links.len(), links[0].version, links[0].stamp), (1, 1, first[0].files[0].stamp));
    let next = packages::successor(&s.db, package, "f0-1.exe").await.unwrap().unwrap();
    assert_eq!((next.version, next.sha256), (2, None));
    assert!(packages::due_for_unlink(&s.db, at(99_999), 10).await.unwrap().is_empty());
    let due = packages::due_for_unlink(&s.db, at(100_000), 10).await.unwrap();
    assert_eq!((due.len(), due[0].version, due[0].state), (1, 1, VersionState::Retired));
}

async fn a_replacement_takes_over_and_the_old_package_steps_back(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let old = s.stage(location, &ids).await;
    let job = JobId::new();
    let mut w = s.write(30).await;
    let fresh = packages::create_replacements(&mut w, &ids).await.unwrap();
    let mut all: Vec<PackageId> = old.iter().map(|o| o.package_id).collect();
    all.extend(fresh.iter().map(|f| f.package_id));
    let tokens = packages::lock(&mut w, &all, job, at(1000)).await.unwrap();
    let token = |id: PackageId| match tokens.iter().find(|t| t.0 == id).unwrap().1 {
        LockOutcome::Held { token } => token,
        _ => panic!("not held"),
    };
    let new: Vec<packages::NewVersion> = fresh
        .iter()
        .map(|f| packages::NewVersion {
            package_id: f.package_id,
            location_id: location,
            state: VersionState::Staging,
            weak: false,
            size_bytes: 10,
            files_digest: sha("x"),
            files: Vec::new(),
        })
        .collect();
    packages::new_versions(&mut w, job, &new).await.unwrap();
    let staged: Vec<packages::StagedVersion> = fresh
        .iter()
        .zip(&old)
        .map(|(f, o)| packages::StagedVersion {
            package_id: f.package_id,
            version: 1,
            token: token(f.package_id),
            weak: true,
            files: Vec::new(),
            replaces: Some(Replaces { package_id: o.package_id, token: token(o.package_id) }),
        })
        .collect();
    w.commit().await.unwrap();
    let still = updates::show(&s.db, ids[0]).await.unwrap();
    assert_eq!(still.package_id, Some(old[0].package_id), "to be had at every moment");
    let mut w = s.write(31).await;
    let done = packages::commit_staged(&mut w, job, at(500), &staged).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!((done.versions.len(), done.lost.len()), (2, 0));
    let now = updates::show(&s.db, ids[0]).await.unwrap();
    assert_eq!(now.package_id, Some(fresh[0].package_id));
    let before = packages::show(&s.db, old[0].package_id).await.unwrap();
    assert_eq!((before.active, before.state), (false, Some(VersionState::Retired)));
    let next = packages::successor(&s.db, old[0].package_id, "f0-1.exe").await.unwrap().unwrap();
    assert_eq!(next.package_id, fresh[0].package_id);
}

async fn a_bad_file_is_shown_and_every_name_of_its_inode_is_doubted(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let job = JobId::new();
    let mut staged = s.begin_stage(job, location, &ids).await;
    // Both names are links to one inode.
    staged[1].files[0].stamp = staged[0].files[0].stamp;
    staged[1].files[0].sha256 = staged[0].files[0].sha256;
    let mut w = s.write(20).await;
    packages::commit_staged(&mut w, job, at(1000), &staged).await.unwrap();
    w.commit().await.unwrap();
    let package = staged[0].package_id;
    let held = Held { package_id: package, version: 1, token: staged[0].token + 1 };
    let file = |state, reason: &str, proof| FileResult {
        name: staged[0].files[0].name.to_string(),
        state,
        reason: reason.into(),
        proof,
    };
    let bad = Verified {
        held,
        state: VersionState::Corrupt,
        reason: "1 file".into(),
        files: vec![file(VersionState::Corrupt, "expected aa, found bb", None)],
    };
    let mut w = s.write(40).await;
    assert!(packages::put_verified(&mut w, Some(job), at(40), &[bad]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let shown = packages::show(&s.db, package).await.unwrap();
    assert_eq!((shown.state, shown.since, shown.proved_at), (Some(VersionState::Corrupt), Some(at(40)), None));
    assert_eq!(shown.verified_at, Some(at(40)), "it was looked at, and was not right");
    let looked = packages::files(&s.db, &[(package, 1)]).await.unwrap();
    assert_eq!((looked[0].proof, looked[0].looked_at), (None, Some(at(40))));
    let update = updates::show(&s.db, ids[0]).await.unwrap();
    let bulletin = bulletins::show(&s.db, update.bulletin_id).await.unwrap();
    assert_eq!((bulletin.packages, bulletin.bad_packages), (0, 1));
    let sharer = packages::show(&s.db, staged[1].package_id).await.unwrap();
    assert_eq!((sharer.state, sharer.proved_at), (Some(VersionState::Staged), None), "the same data is in doubt");
    assert_eq!(sharer.verified_at, None, "and nobody has looked at it since");

    let good = Verified {
        held,
        state: VersionState::Staged,
        reason: String::new(),
        files: vec![file(VersionState::Staged, "", Some((stamp(7), sha("f0-1.exe"))))],
    };
    let mut w = s.write(50).await;
    assert!(packages::put_verified(&mut w, None, at(50), &[good]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let bulletin = bulletins::show(&s.db, update.bulletin_id).await.unwrap();
    assert_eq!((bulletin.packages, bulletin.bad_packages, bulletin.oldest_proof_at), (1, 0, Some(at(50))));
    let found = packages::proofs(&s.db, location, &[(stamp(7).dev, 7), (1, 1)]).await.unwrap();
    assert_eq!(found, [Proof { stamp: stamp(7), sha256: sha("f0-1.exe"), verified_at: at(50) }]);
    let mut later = found[0].clone();
    later.verified_at = at(60);
    let mut w = s.write(60).await;
    packages::put_proofs(&mut w, location, None, &[later.clone(), later]).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(bulletins::show(&s.db, update.bulletin_id).await.unwrap().oldest_proof_at, Some(at(60)));

    // The same file under another number: what was proved of the old one is nobody's any more.
    let renumbered = Verified {
        held,
        state: VersionState::Staged,
        reason: String::new(),
        files: vec![file(VersionState::Staged, "", Some((stamp(8), sha("f0-1.exe"))))],
    };
    let mut w = s.write(70).await;
    assert!(packages::put_verified(&mut w, None, at(70), &[renumbered]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let left = packages::proofs(&s.db, location, &[(stamp(7).dev, 7), (stamp(8).dev, 8)]).await.unwrap();
    assert_eq!(left, [Proof { stamp: stamp(8), sha256: sha("f0-1.exe"), verified_at: at(70) }]);
}

async fn verification_of_a_changed_package_is_not_believed(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let old = Verified {
        held: Held { package_id: staged[0].package_id, version: 1, token: staged[0].token },
        state: VersionState::Missing,
        reason: "gone".into(),
        files: Vec::new(),
    };
    let mut w = s.write(40).await;
    assert_eq!(packages::put_verified(&mut w, None, at(40), &[old]).await.unwrap(), [staged[0].package_id]);
    w.commit().await.unwrap();
    assert_eq!(packages::show(&s.db, staged[0].package_id).await.unwrap().state, Some(VersionState::Staged));
}

async fn deletion_goes_mark_unlink_remove(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    let location = s.location().await;
    let staged = s.stage(location, &ids).await;
    let (one, two) = (staged[0].package_id, staged[1].package_id);
    let job = JobId::new();
    let mut w = s.write(30).await;
    let current = packages::mark_versions_deleting(&mut w, None, &[(one, 1)]).await.unwrap();
    assert!(current.is_empty(), "never the current one");
    let LockOutcome::Held { token } = packages::lock(&mut w, &[one], job, at(100)).await.unwrap()[0].1 else {
        panic!("not held")
    };
    let lost = packages::mark_packages_deleting(&mut w, job, &[(one, token), (two, 77)], |_| Some("unused".into()))
        .await
        .unwrap();
    assert_eq!(lost, [two]);
    w.commit().await.unwrap();
    let update = updates::show(&s.db, ids[0]).await.unwrap();
    assert_eq!(update.package_id, None, "withdrawn before anything is unlinked");
    assert_eq!(bulletins::show(&s.db, update.bulletin_id).await.unwrap().packages, 0);
    let due = packages::due_for_unlink(&s.db, at(0), 10).await.unwrap();
    assert_eq!(due.iter().map(|d| (d.package_id, d.state)).collect::<Vec<_>>(), [(one, VersionState::Deleting)]);
    let mut w = s.write(31).await;
    assert_eq!(packages::remove_versions(&mut w, &[(one, 1), (two, 1)]).await.unwrap(), 1, "only what is deleting");
    w.commit().await.unwrap();
    assert!(packages::show(&s.db, one).await.is_err());
    assert!(packages::show(&s.db, two).await.is_ok());
    let gone = staged[0].files[0].stamp;
    assert!(packages::proofs(&s.db, location, &[(gone.dev, gone.inode)]).await.unwrap().is_empty());
    let again = s.stage(location, &ids[..1]).await;
    assert_ne!(again[0].package_id, one, "a new GUID");
}

async fn an_unfinished_version_is_discarded(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let location = s.location().await;
    let first = s.stage(location, &ids).await;
    let package = first[0].package_id;
    let staged = s.begin_stage(JobId::new(), location, &ids).await;
    let mut w = s.write(40).await;
    assert_eq!(packages::discard_versions(&mut w, &[(package, 1), (package, staged[0].version)]).await.unwrap(), 1);
    w.commit().await.unwrap();
    let left = packages::versions_of(&s.db, &ids).await.unwrap();
    assert_eq!(left.iter().map(|v| (v.version, v.is_current)).collect::<Vec<_>>(), [(1, true)]);
    let mut w = s.write(3000).await;
    packages::unlock(&mut w, JobId::new(), None).await.unwrap();
    w.commit().await.unwrap();
    let mut w = s.write(3000).await;
    let job = JobId::new();
    packages::lock(&mut w, &[package], job, at(4000)).await.unwrap();
    let next = packages::NewVersion {
        package_id: package,
        location_id: location,
        state: VersionState::Wanted,
        weak: false,
        size_bytes: 0,
        files_digest: sha("y"),
        files: Vec::new(),
    };
    assert_eq!(packages::new_versions(&mut w, job, &[next]).await.unwrap(), [3], "numbers are never used twice");
    w.commit().await.unwrap();
}

async fn a_failed_download_keeps_its_reason_and_its_next_try(s: &Sandbox) {
    let (_, ids) = s.catalogue(1).await;
    let location = s.location().await;
    let job = JobId::new();
    let staged = s.begin_stage(job, location, &ids).await;
    let held = Held { package_id: staged[0].package_id, version: 1, token: staged[0].token };
    let change = |state, again| StateChange { held, state, reason: "no route to host".into(), next_try_at: again };
    for second in [40, 41] {
        let mut w = s.write(second).await;
        let again = Some(at(second + 100));
        let lost = packages::set_states(&mut w, Some(job), &[change(VersionState::Unreachable, again)]).await.unwrap();
        assert!(lost.is_empty());
        w.commit().await.unwrap();
    }
    let version = &packages::versions(&s.db, &[held.package_id]).await.unwrap()[0];
    assert_eq!((version.attempts, version.since, version.next_try_at), (2, at(40), Some(at(141))));
    let shown = packages::show(&s.db, held.package_id).await.unwrap();
    assert_eq!((shown.state, shown.reason.as_deref()), (Some(VersionState::Unreachable), Some("no route to host")));
    let stale = StateChange { held: Held { token: 0, ..held }, ..change(VersionState::Staging, None) };
    let mut w = s.write(50).await;
    assert_eq!(packages::set_states(&mut w, None, &[stale]).await.unwrap(), [held.package_id]);
}

async fn lists_filter_sort_and_page(s: &Sandbox) {
    let (_, ids) = s.catalogue(25).await;
    let location = s.location().await;
    s.stage(location, &ids[..20]).await;
    let mut w = s.write(30).await;
    packages::ensure(&mut w, &ids[20..]).await.unwrap();
    w.commit().await.unwrap();
    for sort in [PackageSort::Created, PackageSort::Since, PackageSort::Size, PackageSort::Verified] {
        let mut query = query(sort, 7);
        let mut seen = Vec::new();
        loop {
            let page = packages::list(&s.db, &query).await.unwrap();
            assert_eq!(page.total, Some(25));
            seen.extend(page.rows.into_iter().map(|p| p.package_id));
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (25, 25), "{sort:?}");
    }
    let mut staged = query(PackageSort::Created, 1);
    staged.filter.states = vec![VersionState::Staged];
    staged.filter.location = Some(location);
    staged.filter.text = Some("u00 B0".into());
    assert_eq!(packages::list(&s.db, &staged).await.unwrap().total, Some(20));
    staged.filter.text = Some("100%".into());
    assert_eq!(packages::list(&s.db, &staged).await.unwrap().total, Some(0));
    let update = packages::resolve(&s.db, &["u0003".into()]).await.unwrap();
    let name = update[0].to_string().to_uppercase();
    assert_eq!(packages::resolve(&s.db, &[name, "hp/u0003".into()]).await.unwrap(), [update[0], update[0]]);
    assert!(packages::resolve(&s.db, &["nothing".into()]).await.is_err());
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = packages::by_location(&s.db, location, after, 6).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.package_id, last.version));
        seen.extend(page.into_iter().map(|v| v.package_id));
    }
    assert_eq!(seen.len(), 20);
}

async fn no_function_asks_once_per_package(s: &Sandbox) {
    let (_, ids) = s.catalogue(300).await;
    let location = s.location().await;
    let count = |n: usize| {
        let ids = &ids[..n];
        async move {
            let before = s.db.statements();
            s.stage(location, ids).await;
            s.db.statements() - before
        }
    };
    let (few, many) = (count(3).await, count(300).await);
    assert!(many <= few + 2, "{few} statements for 3 packages, {many} for 300");
    assert!(many < 50, "{many} statements");
}
