//! The order that a move must not have, for the suite that proves that it would be noticed.

use patchwharf_db::{
    packages,
    packages::{File, Relocated, StagedFile, Version},
};

use super::{Arrived, Batch};
use crate::operations::{OperationError, write};

impl Batch {
    /// The seeded mutant `switch-first`: rows before names.
    pub(super) async fn switch_first(&self, versions: &[(Version, Vec<File>)]) -> Result<(), OperationError> {
        let files = |files: &[File]| -> Vec<StagedFile> {
            let staged = |(name, file): (patchwharf_model::FileName, &File)| {
                let (stamp, verified_at) = file.proof?;
                Some(StagedFile { name, size_bytes: file.size_bytes, sha256: file.sha256?, stamp, verified_at })
            };
            files
                .iter()
                .filter_map(|file| Some((patchwharf_model::FileName::new(file.name.clone()).ok()?, file)))
                .filter_map(staged)
                .collect()
        };
        let rows: Vec<Relocated> = versions
            .iter()
            .map(|(version, rows)| {
                let files = files(rows);
                self.row(&Arrived { version: version.clone(), files, same_data: false, copied_bytes: 0 })
            })
            .collect();
        let mut w = write(&self.ctx).await?;
        packages::relocate(&mut w, self.ctx.job, &rows).await?;
        w.commit().await?;
        Ok(())
    }
}
