//! A deployment as large as one gets: 50,000 bulletins, 200,000 packages and 1,000,000 log records.
//!
//! The catalogue is imported as any other. The packages are rows only, at a location that is not plugged in: no check looks for their folders,
//! and pages show them as they show others.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use patchwharf_db::{
    Db, Options, catalogue, feeds, locations, logs, packages,
    packages::{LockOutcome, NewFile, NewVersion, StagedFile, StagedVersion},
    updates,
};
use patchwharf_model::{
    JobId, LocationId, Sha256, Timestamp, UpdateId,
    package::{ProofStamp, VersionState},
};

use crate::{
    catalogue::write_many,
    process::{Bench, timed},
    server::Server,
};

/// Updates; four make a bulletin.
const UPDATES: usize = 200_000;
const RECORDS: u64 = 1_000_000;
/// Rows of one transaction.
const BATCH: usize = 2_000;

/// A server that holds all of it.
pub(crate) fn server(bench: &Bench) -> Result<Server> {
    let data = bench.fresh("data")?;
    let file = bench.work.join("large.xml");
    write_many(&file, UPDATES)?;
    let server = Server::start(bench, &data)?;
    timed(&mut server.command(&["feed", "add", "sdp", file.as_str(), "--name", "large"]))?;
    timed(&mut server.command(&["feed", "import", "large"]))?;
    timed(&mut server.command(&["policy", "create", "servers", "--bulletin", "B-0000001"]))?;
    drop(server);
    tokio::runtime::Runtime::new()?.block_on(fill(&data, &bench.work.join("unplugged")))?;
    Server::start(bench, &data)
}

async fn fill(data: &Utf8Path, unplugged: &Utf8Path) -> Result<()> {
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
    for (batch, ids) in ids.chunks(BATCH).enumerate() {
        stage(&db, location, ids, batch, now).await.context("write rows of packages")?;
    }
    records(&db, data, now).await.context("write log records")?;
    db.close().await;
    Ok(())
}

/// One batch of packages, as the stage job writes it.
async fn stage(db: &Db, location: LocationId, ids: &[UpdateId], batch: usize, now: Timestamp) -> Result<()> {
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
    Ok(())
}

/// A million records of a day, of a hundred jobs; one in a hundred is a warning.
async fn records(db: &Db, data: &Utf8Path, now: Timestamp) -> Result<()> {
    let server = std::fs::read_to_string(data.join("instance.id"))?.trim().parse().context("read the server's id")?;
    let first = logs::last_number(db, server).await? + 1;
    let jobs: Vec<JobId> = (0..100).map(|_| JobId::new()).collect();
    let mut batch = Vec::with_capacity(BATCH);
    for n in 0..RECORDS {
        let age = Duration::from_millis((RECORDS - n) * 86);
        batch.push(logs::LogRecord {
            server,
            number: first + n,
            at: now - age,
            level: if n.is_multiple_of(100) { 2 } else { 3 },
            target: "patchwharf_server::operations::stage".into(),
            message: format!("B-{:07} sp{n}.exe: staged", n / 4),
            job_id: jobs.get((n / 10_000) as usize).copied(),
            package_id: None,
            bulletin_id: None,
            fields: "{\"size_bytes\":1000000}".into(),
        });
        if batch.len() == BATCH || n + 1 == RECORDS {
            logs::append(db, &batch).await?;
            batch.clear();
        }
    }
    Ok(())
}
