//! Supply: a file fetched by hand is taken by the same digest rules as a download.
//!
//! The upload is compared with what the catalogue pins, then kept durably under its digest in the data folder's
//! `supplied` until the version that needs it is staged: an update may need several such files.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    sync::Arc,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::updates;
use patchwharf_model::{
    UpdateId,
    job::Report,
    update::{PayloadFile, VendorDigest},
};
use patchwharf_store::fault::Step;
use patchwharf_trust::{FileDigests, FileHasher, hash_reader};

use super::{
    Ending, OperationError,
    assembly::{self, ContentKey, Mode, item, told},
    cores, fault_at, stage,
};
use crate::{app::App, files::sync_folder, jobs::JobContext, uploads};

/// Runs the job.
pub(crate) async fn run(
    ctx: &JobContext,
    update: UpdateId,
    upload: &str,
    file: Option<&str>,
) -> Result<Ending, OperationError> {
    let update = updates::show(&ctx.app.db, update).await?;
    let name = Utf8Path::new(upload).file_name().filter(|name| *name == upload).ok_or_else(|| {
        OperationError::new("bad-upload", format!("{upload:?} is not the name of an upload; give the file again"))
    })?;
    let upload = uploads::folder(&ctx.app.config.data).join(name);
    let candidates: Vec<PayloadFile> =
        update.files.iter().filter(|f| file.is_none_or(|file| f.name.as_str() == file)).cloned().collect();
    if candidates.is_empty() {
        let names = update.files.iter().map(|f| f.name.to_string()).collect::<Vec<_>>().join(", ");
        let reason = format!("the catalogue names no such file for this update; it names: {names}");
        told::line(ctx, item(&update), "refused", true, reason.clone());
        return Ok(Ending::Done(Report { summary: reason, ..Report::default() }));
    }
    ctx.progress.phase("verifying the file");
    let app = Arc::clone(&ctx.app);
    let kept = cores::blocking(move || keep(&app, &upload, &candidates)).await??;
    if let Err(refusal) = kept {
        tracing::warn!(job.id = %ctx.job, bulletin.id = %update.bulletin_id, "{}: {refusal}", item(&update));
        told::line(ctx, item(&update), "refused", true, refusal.clone());
        return Ok(Ending::Done(Report { summary: refusal, ..Report::default() }));
    }
    let files = update.files.clone();
    let made = match assembly::make(ctx, Mode::Stage, vec![update], "already-staged").await? {
        Ok(made) => made,
        Err(ending) => return Ok(ending),
    };
    if made.failed == 0 {
        let app = Arc::clone(&ctx.app);
        cores::blocking(move || forget(&app, &files)).await?;
    }
    Ok(Ending::Done(stage::report("staged", &made)))
}

/// The name under which a content that was given by hand is kept.
pub(crate) fn name(key: &ContentKey) -> String {
    match key.digest {
        VendorDigest::Sha256(digest) => format!("{digest}-{}", key.size_bytes),
        VendorDigest::Sha1(digest) => format!("{digest}-{}", key.size_bytes),
    }
}

/// Where a content that was given by hand is kept.
pub(crate) fn path(app: &App, key: &ContentKey) -> Utf8PathBuf {
    uploads::supplied(&app.config.data).join(name(key))
}

/// The names of all contents that were given by hand. Blocks.
pub(crate) fn given(app: &App) -> HashSet<String> {
    uploads::names(&uploads::supplied(&app.config.data))
}

/// Compares an upload with the files that an update needs, and keeps it under its digest. The inner error is the
/// refusal, for people. Blocks.
fn keep(app: &App, upload: &Utf8Path, candidates: &[PayloadFile]) -> Result<Result<(), String>, OperationError> {
    let failed = |what: &str, source: io::Error| {
        OperationError::new("upload", format!("cannot {what} {upload}; give the file again")).because(source)
    };
    let file = match File::open(upload) {
        Ok(file) => file,
        // An earlier attempt of this job has kept it.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let given = given(app);
            let kept = candidates.iter().any(|c| given.contains(&name(&key(c))));
            return if kept { Ok(Ok(())) } else { Err(failed("find", e)) };
        }
        Err(e) => return Err(failed("open", e)),
    };
    let weak = candidates.iter().find(|c| matches!(c.digest, VendorDigest::Sha1(_)));
    let hasher = weak.map_or_else(FileHasher::new, |c| FileHasher::for_pin(&c.digest));
    let found = hash_reader(&file, hasher).map_err(|e| failed("read", e))?;
    let Some(matching) = candidates.iter().find(|c| found.matches(c.size_bytes, &c.digest)) else {
        let _ = fs::remove_file(upload);
        return Ok(Err(refusal(candidates, &found)));
    };
    let folder = uploads::supplied(&app.config.data);
    file.sync_all().map_err(|e| failed("make durable", e))?;
    fault_at(Step::SupplyBeforeKeep)?;
    fs::rename(upload, folder.join(name(&key(matching)))).map_err(|e| failed("keep", e))?;
    sync_folder(&folder).map_err(|e| failed("make durable", e))?;
    fault_at(Step::SupplyAfterKeep)?;
    Ok(Ok(()))
}

fn key(file: &PayloadFile) -> ContentKey {
    ContentKey { size_bytes: file.size_bytes, digest: file.digest }
}

fn refusal(candidates: &[PayloadFile], found: &FileDigests) -> String {
    let expected: Vec<String> = candidates
        .iter()
        .map(|file| match file.digest {
            VendorDigest::Sha256(digest) => format!("{} ({} bytes, SHA-256 {digest})", file.name, file.size_bytes),
            VendorDigest::Sha1(digest) => format!("{} ({} bytes, SHA-1 {digest})", file.name, file.size_bytes),
        })
        .collect();
    let sha1 = found.sha1.map(|sha1| format!(", SHA-1 {sha1}")).unwrap_or_default();
    format!(
        "the file is none of those that the update needs: expected {}; found {} bytes, SHA-256 {}{sha1}. Nothing was kept",
        expected.join(" or "),
        found.size_bytes,
        found.sha256
    )
}

/// The files are staged: what was given by hand is not needed any more. Blocks.
fn forget(app: &App, files: &[PayloadFile]) {
    for file in files {
        let _ = fs::remove_file(path(app, &key(file)));
    }
}
