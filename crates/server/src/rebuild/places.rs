//! The folders, and whose they are.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::locations as table;
use patchwharf_model::{DeploymentId, LocationId, PackageId, Timestamp};
use patchwharf_store::{Location, OpenError};

use super::Work;

/// A package location that is to be read.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: Utf8PathBuf,
    pub(super) id: LocationId,
    /// Who made it; none: it has no marker, or one that cannot be read.
    pub(super) made_by: Option<DeploymentId>,
    /// Whether a marker lies there, readable or not.
    pub(super) has_marker: bool,
    /// Whether the database knows it.
    pub(super) is_known: bool,
    /// Whether its marker is to be written anew.
    pub(super) is_taken_over: bool,
    /// Open, for reading.
    pub(super) location: Option<Arc<Location>>,
}

impl Work {
    /// The places, and the deployment that they belong to: ours, or, for a database that knows nothing yet, the one that made
    /// them, when it is this server's own (its key is here).
    pub(super) async fn places(&self) -> Result<(Vec<Place>, DeploymentId)> {
        let known = table::list(&self.db).await?;
        let paths: Vec<Utf8PathBuf> = match (self.wish.locations.is_empty(), known.is_empty()) {
            (false, _) => self.wish.locations.clone(),
            (true, false) => known.iter().map(|row| row.path.clone()).collect(),
            (true, true) => vec![self.config.first_location()],
        };
        let mut places = Vec::new();
        for path in paths {
            let path = path.canonicalize_utf8().with_context(|| {
                format!("{path} is not there; name the package location with --location (is its disk mounted?)")
            })?;
            ensure!(!places.iter().any(|place: &Place| place.path == path), "{path} is named twice");
            places.push(self.place(path, &known)?);
        }
        let deployment = self.deployment_of(&places, known.is_empty())?;
        for place in &mut places {
            place.is_taken_over = place.made_by != Some(deployment);
            if place.is_taken_over && !self.wish.take_over {
                let whose = match place.made_by {
                    Some(other) => format!("belongs to deployment {other}, this server is of {deployment}"),
                    None => "has no location.json that can be understood".to_owned(),
                };
                bail!(
                    "{} {whose}. When that deployment is gone, `store rebuild --take-over` makes it this server's: its \
                     location.json is written anew, the old one is kept beside it, no package is touched. When it still \
                     runs, take its files in by content with `location adopt`. Nothing was changed",
                    place.path
                );
            }
            if place.made_by.is_none() {
                place.must_hold_packages()?;
            }
            place.open(self.wish.dry_run)?;
        }
        Ok((places, deployment))
    }

    fn place(&self, path: Utf8PathBuf, known: &[table::Location]) -> Result<Place> {
        let others: Vec<&Utf8Path> =
            known.iter().filter(|row| row.path != path).map(|row| row.path.as_path()).collect();
        Location::fits(&path, &others)?;
        let row = known.iter().find(|row| row.path == path);
        let mut has_marker = true;
        let marker = match Location::marker_of(&path) {
            Ok(marker) => Some(marker),
            Err(OpenError::NoMarker { .. }) if self.wish.take_over => {
                has_marker = false;
                None
            }
            Err(OpenError::BadMarker { .. }) if self.wish.take_over => None,
            Err(error) => return Err(error).context("nothing was changed"),
        };
        let id = match (&marker, row) {
            (Some(marker), Some(row)) if marker.location_id != row.location_id => bail!(
                "{path} holds location {}, and the database knows location {} there: mount the right disk, or forget that \
                 one with `location remove {path} --lost`. Nothing was changed",
                marker.location_id,
                row.location_id
            ),
            (Some(marker), _) => marker.location_id,
            (None, Some(row)) => row.location_id,
            (None, None) => LocationId::new(),
        };
        if let Some(other) = known.iter().find(|row| row.location_id == id && row.path != path) {
            bail!(
                "{path} holds location {id}, which the database has at {}: it is a copy, or the disk is mounted elsewhere. \
                 Mount it there, or take its files in with `location adopt`. Nothing was changed",
                other.path
            );
        }
        let made_by = marker.map(|marker| marker.deployment_id);
        Ok(Place { path, id, made_by, has_marker, is_known: row.is_some(), is_taken_over: false, location: None })
    }

    /// A database that knows no location belongs to whoever made the packages, when that is this server: its key is here.
    fn deployment_of(&self, places: &[Place], is_new: bool) -> Result<DeploymentId> {
        let Some(first) = places.first().and_then(|place| place.made_by).filter(|_| is_new) else {
            return Ok(self.deployment);
        };
        if first == self.deployment || places.iter().any(|place| place.made_by != Some(first)) {
            return Ok(self.deployment);
        }
        let mut own = false;
        for place in places {
            own |= place.has_own(first, self)?;
        }
        Ok(if own { first } else { self.deployment })
    }
}

impl Place {
    /// Refuses a folder without a marker that holds no package.
    fn must_hold_packages(&self) -> Result<()> {
        let is_package = |name: std::ffi::OsString| name.to_str().is_some_and(|name| name.parse::<PackageId>().is_ok());
        let holds_packages = std::fs::read_dir(&self.path)
            .with_context(|| format!("cannot list {}", self.path))?
            .flatten()
            .any(|entry| is_package(entry.file_name()));
        ensure!(
            holds_packages,
            "{} has no location.json and no package: if it is a mount point, mount its file system. Nothing was changed",
            self.path
        );
        Ok(())
    }

    /// Opens it as whoever made it has it. Nothing is tried in what is not ours yet, and nothing at all in a dry run.
    fn open(&mut self, dry_run: bool) -> Result<()> {
        let open = match (self.made_by, self.is_taken_over || dry_run) {
            (Some(made_by), false) => Location::open(&self.path, Some(self.id), made_by),
            (made_by, _) => Location::open_to_look(&self.path, self.id, made_by.unwrap_or_else(DeploymentId::new)),
        };
        self.location =
            Some(Arc::new(open.with_context(|| format!("cannot read {}; nothing was changed", self.path))?));
        Ok(())
    }

    /// Whether a package there was signed by this server's own key.
    fn has_own(&self, made_by: DeploymentId, work: &Work) -> Result<bool> {
        let location = Location::open_to_look(&self.path, self.id, made_by)
            .with_context(|| format!("cannot read {}; nothing was changed", self.path))?;
        let own = patchwharf_store::Signers::own(&work.keys);
        let mut found = false;
        location.scan(&mut |thing| {
            if let patchwharf_store::Found::Version { package, version } = thing {
                found = location.manifest(package, version, &own).is_ok();
            }
            if found { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Writes its marker anew.
    pub(super) fn take_over(&self, deployment: DeploymentId, now: Timestamp) -> Result<()> {
        Location::take_over(&self.path, self.id, deployment, now)?;
        Ok(())
    }
}
