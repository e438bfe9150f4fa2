//! A deployment as large as one gets: 50,000 bulletins, 200,000 packages, some of them damaged or replaced, and what has
//! happened in it: 1,000,000 log records, jobs, changes.
//!
//! The catalogue is imported as any other. The packages are rows only, at a location that is not plugged in: no check looks for their folders,
//! and pages show them as they show others.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use patchwharf_db::{
    Db, Options, catalogue, feeds, locations, packages,
    packages::{FileResult, Held, LockOutcome, NewFile, NewVersion, StagedFile, StagedVersion, Verified},
    updates,
};
use patchwharf_model::{
    BulletinId, FeedId, JobId, LocationId, PackageId, Sha256, Timestamp, UpdateId,
    package::{ProofStamp, VersionState},
};

use crate::{
    catalogue::write_many,
    past,
    process::{Bench, timed},
    server::Server,
};

/// Updates; four make a bulletin.
const UPDATES: usize = 200_000;
/// Rows of one transaction.
const BATCH: usize = 2_000;

/// A server that holds all of it, and names of things in it.
pub(crate) struct Large {
    pub(crate) server: Server,
    things: Things,
}

/// What pages are asked for by.
struct Things {
    feed: FeedId,
    location: LocationId,
    package: PackageId,
    bulletin: BulletinId,
    past: past::Past,
}

impl Large {
    /// Placeholders and what stands for them.
    pub(crate) fn names(&self) -> [(&'static str, String); 8] {
        let Things { feed, location, package, bulletin, past } = &self.things;
        [
            ("{feed}", feed.to_string()),
            ("{location}", location.to_string()),
            ("{package}", package.to_string()),
            ("{bulletin}", bulletin.to_string()),
            ("{job}", past.job.to_string()),
            ("{checked}", past.checked.to_string()),
            ("{number}", past.number.to_string()),
            ("{time}", past.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ]
    }
}

pub(crate) fn deployment(bench: &Bench) -> Result<Large> {
    let data = bench.fresh("data")?;
    let file = bench.work.join("large.xml");
    write_many(&file, UPDATES)?;
    let server = Server::start(bench, &data)?;
    timed(&mut server.command(&["feed", "add", "sdp", file.as_str(), "--name", "large"]))?;
    timed(&mut server.command(&["feed", "import", "large"]))?;
    timed(&mut server.command(&["policy", "create", "servers", "--bulletin", "B-0000001"]))?;
    let many: Vec<String> = (0..500).map(|bulletin| format!("B-{bulletin:07}")).collect();
    let mut create = vec!["policy", "create", "many"];
    create.extend(many.iter().flat_map(|bulletin| ["--bulletin", bulletin.as_str()]));
    timed(&mut server.command(&create))?;
    drop(server);
    let things = tokio::runtime::Runtime::new()?.block_on(fill(&data, &bench.work.join("unplugged")))?;
    Ok(Large { server: Server::start(bench, &data)?, things })
}

async fn fill(data: &Utf8Path, unplugged: &Utf8Path) -> Result<Things> {
    let now = Timestamp::now();
    let db = Db::open(&Options::new(data.join("patchwharf.db")), now).await?;
    let location = LocationId::new();
    let mut w = db.write("bench", "bench", now).await?;
    locations::create(&mut w, location, unplugged).await?;
    w.commit().await?;
    let feed = feeds::list(&db, false).await?.into_iter().next().context("the feed is there")?;
    let mut ids: Vec<UpdateId> =
        catalogue::known_updates(&db, feed.feed_id).await?.into_values().map(|update| update.update_id).collect();
    ids.sort();
    ensure!(ids.len() == UPDATES, "{} updates were imported", ids.len());
    let mut all = Vec::with_capacity(ids.len());
    for (batch, ids) in ids.chunks(BATCH).enumerate() {
        all.extend(stage(&db, location, ids, batch, now).await.context("write rows of packages")?);
    }
    let bad: Vec<PackageId> = all.iter().step_by(200).copied().collect();
    damage(&db, &bad, now).await.context("damage packages")?;
    let update = updates::show(&db, *ids.first().context("an update")?).await?;
    let about: Vec<PackageId> = all.iter().step_by(2_000).copied().collect();
    let package = *about.first().context("a package")?;
    let past = past::write(&db, data, &about, update.bulletin_id, now).await.context("write what has happened")?;
    db.close().await;
    Ok(Things { feed: feed.feed_id, location, package, bulletin: update.bulletin_id, past })
}

/// A thousand packages were looked at and found to be corrupt.
async fn damage(db: &Db, ids: &[PackageId], now: Timestamp) -> Result<()> {
    let versions = packages::versions(db, ids).await?;
    let files =
        packages::files(db, &versions.iter().map(|one| (one.package_id, one.version)).collect::<Vec<_>>()).await?;
    let results = versions.iter().map(|one| {
        let of = files.iter().filter(|file| file.package_id == one.package_id);
        let reason = "expected other bytes than were found";
        Verified {
            held: Held { package_id: one.package_id, version: one.version, token: one.token },
            state: VersionState::Corrupt,
            reason: reason.into(),
            files: of.map(|file| FileResult::bad(&file.name, VersionState::Corrupt, reason)).collect(),
        }
    });
    let results: Vec<Verified> = results.collect();
    let mut w = db.write("bench", "bench", now).await?;
    let overtaken = packages::put_verified(&mut w, None, now, &results).await?;
    ensure!(overtaken.is_empty(), "{} packages were changed by somebody else", overtaken.len());
    w.commit().await?;
    Ok(())
}

/// One batch of packages, as the stage job writes it.
async fn stage(
    db: &Db,
    location: LocationId,
    ids: &[UpdateId],
    batch: usize,
    now: Timestamp,
) -> Result<Vec<PackageId>> {
    let job = JobId::new();
    let known = updates::by_ids(db, ids).await?;
    let mut w = db.write("bench", "bench", now).await?;
    let refs = packages::ensure(&mut w, ids).await?;
    let packages_of: Vec<_> = refs.iter().map(|package| package.package_id).collect();
    let locks = packages::lock(&mut w, &packages_of, job, now + Duration::from_secs(60)).await?;
    let mut new = Vec::with_capacity(refs.len());
    for package in &refs {
        let update = known.iter().find(|update| update.update_id == package.update_id).context("an update is gone")?;
        let files = update.files.iter().map(|file| NewFile {
            name: file.name.clone(),
            size_bytes: file.size_bytes,
            sha256: None,
            vendor_digest: file.digest,
            url: file.url.clone(),
        });
        new.push(NewVersion {
            package_id: package.package_id,
            location_id: location,
            state: VersionState::Staging,
            weak: true,
            size_bytes: update.size_bytes,
            files_digest: update.files_digest,
            files: files.collect(),
        });
    }
    let numbers = packages::new_versions(&mut w, job, &new).await?;
    let mut inode = (batch * BATCH * 4) as u64;
    let mut staged = Vec::with_capacity(new.len());
    for ((new, version), (_, outcome)) in new.iter().zip(numbers).zip(locks) {
        let LockOutcome::Held { token } = outcome else { anyhow::bail!("a package is locked: {outcome:?}") };
        let files = new.files.iter().map(|file| {
            inode += 1;
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&inode.to_le_bytes());
            StagedFile {
                name: file.name.clone(),
                size_bytes: file.size_bytes,
                sha256: Sha256(digest),
                stamp: ProofStamp { dev: 1, inode, size_bytes: file.size_bytes, mtime_ns: 1, ctime_ns: 1 },
                verified_at: now,
            }
        });
        let files = files.collect();
        staged.push(StagedVersion { package_id: new.package_id, version, token, weak: true, files, replaces: None });
    }
    packages::commit_staged(&mut w, job, now, &staged).await?;
    packages::unlock(&mut w, job, None).await?;
    w.commit().await?;
    Ok(packages_of)
}
