//! The main point shown: staged files are damaged as a bad disk or a careless hand would, found, and mended.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{
    api::{
        BulletinChoice, BulletinDetail, BulletinRefresh, IntegrityStart, Job, JobDetail, PackageChoice, PackageDetail,
    },
    job::{JobState, ReportItem},
    package::VersionState,
};

use super::show;
use crate::cli::{Client, Found, wait_for};

/// Damages three staged files, lets the integrity check find them and the refresh mend them.
pub(super) async fn demonstrate(client: &Client, bulletins: &[BulletinDetail], names: &[String]) -> Result<Found> {
    let files = staged_files(client, bulletins).await?;
    anyhow::ensure!(
        files.len() >= Damage::ALL.len(),
        "only {} files are staged; three are needed to damage",
        files.len()
    );
    show::say("\nDamage, behind the server's back:")?;
    for (damage, file) in Damage::ALL.into_iter().zip(&files) {
        damage.apply(file)?;
        show::say(&format!("  {file}: {}", damage.words()))?;
    }

    let check = integrity_check(client, names).await?;
    show::say(&format!("\nIntegrity check: {}", show::summary(&check)))?;
    show::findings(client, &check).await?;

    let of = BulletinChoice { bulletins: names.to_vec(), filter: None, confirm: None };
    let job: Job = client.post("/bulletins/refresh", &BulletinRefresh { of, complete: false }).await?;
    let refresh = wait_for(client, job.id).await?;
    show::say(&format!("\nRefresh: {}", show::summary(&refresh)))?;
    let touched = |item: &&ReportItem| item.failed || item.outcome != "nothing-to-mend";
    for item in refresh.report.iter().flat_map(|report| &report.items).filter(touched) {
        show::say(&format!("    {}  {}: {}", item.item, item.outcome, item.reason))?;
    }

    let again = integrity_check(client, names).await?;
    show::say(&format!("\nIntegrity check once more: {}", show::summary(&again)))?;
    show::findings(client, &again).await?;
    let mended = refresh.job.state == JobState::Done && again.job.state == JobState::Done;
    Ok(if mended { Found::Nothing } else { Found::Problems })
}

/// Checks the packages of some bulletins; mends nothing.
async fn integrity_check(client: &Client, bulletins: &[String]) -> Result<JobDetail> {
    let of = PackageChoice { bulletins: bulletins.to_vec(), ..PackageChoice::default() };
    let wish = IntegrityStart { of: Some(of), ..IntegrityStart::default() };
    let job: Job = client.post("/store/integrity-check", &wish).await?;
    wait_for(client, job.id).await
}

/// Paths of staged files, one a package so that three packages are hit where there are three.
async fn staged_files(client: &Client, bulletins: &[BulletinDetail]) -> Result<Vec<Utf8PathBuf>> {
    let (mut first, mut further) = (Vec::new(), Vec::new());
    for bulletin in bulletins {
        let bulletin: BulletinDetail = client.get(&format!("/bulletins/{}", bulletin.summary.id)).await?;
        for package in bulletin.software_updates.iter().filter_map(|update| update.package) {
            let detail: PackageDetail = client.get(&format!("/packages/{package}")).await?;
            let staged = detail.versions.iter().filter(|v| Some(v.version) == detail.summary.current_version);
            let mut paths = staged.filter(|version| version.state == VersionState::Staged).flat_map(|version| {
                version.files.iter().map(|file| Utf8Path::new(&version.path).join(file.name.as_str()))
            });
            first.extend(paths.next());
            further.extend(paths);
        }
    }
    first.append(&mut further);
    Ok(first)
}

/// What was done to a file, in words for the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// One bit in the middle turned over; the length and the time stamp stay as they were.
    Rot,
    /// The second half cut off.
    Truncation,
    /// The file deleted.
    Loss,
}

impl Damage {
    const ALL: [Self; 3] = [Self::Rot, Self::Truncation, Self::Loss];

    fn words(self) -> &'static str {
        match self {
            Self::Rot => "turned one bit over, size and time stamp as before",
            Self::Truncation => "cut off its second half",
            Self::Loss => "deleted it",
        }
    }

    fn apply(self, path: &Utf8Path) -> Result<()> {
        match self {
            Self::Rot => rot(path),
            Self::Truncation => truncate(path),
            Self::Loss => fs::remove_file(path).map_err(Into::into),
        }
        .with_context(|| format!("damage {path}"))
    }
}

fn rot(path: &Utf8Path) -> Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (length, modified) = (file.metadata()?.len(), file.metadata()?.modified()?);
    let mut byte = [0];
    file.seek(SeekFrom::Start(length / 2))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(length / 2))?;
    file.write_all(&[byte[0] ^ 1])?;
    file.set_modified(modified)?;
    Ok(())
}

fn truncate(path: &Utf8Path) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(file.metadata()?.len() / 2)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use camino::Utf8PathBuf;

    use super::*;

    #[test]
    fn rot_changes_bytes_but_neither_length_nor_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("f")).unwrap();
        fs::write(&path, b"0123456789").unwrap();
        let before = fs::metadata(&path).unwrap();
        Damage::Rot.apply(&path).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
        assert_eq!(fs::read(&path).unwrap(), b"0123446789");
    }
}
