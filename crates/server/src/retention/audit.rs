//! The audit trail is never deleted silently: what is cut is in a file first.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    sync::Arc,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{
    ErrorClass,
    audit::{self, AuditRow},
};
use patchwharf_model::Timestamp;

use crate::{
    app::App,
    operations::{OperationError, cores::blocking},
    trail,
};

/// Rows of one file.
const ROWS: u32 = 20_000;

/// Writes changes before a time to files in `audit` of the data folder, JSON lines, and then cuts them. A crash between
/// the two leaves a file whose rows are in the database still; the next run writes it again.
pub(super) async fn cut(app: &Arc<App>, limit: Timestamp) -> Result<(), OperationError> {
    let folder = app.config.data.join("audit");
    loop {
        let rows = audit::before(&app.db, limit, ROWS).await?;
        // First whether they may go: a trail that does not hold would leave a file more every hour.
        let Some(last) = rows.last() else { return Ok(()) };
        if !trail::before_cut(app, last).await? {
            return Ok(());
        }
        let full = rows.len() as u64 >= u64::from(ROWS);
        let (into, instance) = (folder.clone(), app.instance);
        let (rows, kept) = blocking(move || {
            let kept = export(&into, &format!("{instance}"), &rows);
            (rows, kept)
        })
        .await?;
        let kept = kept.map_err(|error| {
            let text = format!("cannot write old changes to {folder}; the audit trail is not cut before it can");
            OperationError::new("audit", text).because(error)
        })?;
        let mut write = app.db.write("system", "retention", app.clock.now()).await?;
        match audit::cut(&mut write, &rows, &format!("{} with SHA-256 {}", kept.path, kept.sha256)).await {
            // Somebody has altered what is to go: it stays for whoever looks into it, and holds nothing else up.
            Err(error) if error.class() == ErrorClass::Refused => {
                // Its copy goes: the next run writes it again, under another name.
                if let Err(error) = fs::remove_file(&kept.path) {
                    tracing::warn!(%error, "{} stays, although its changes are in the database still", kept.path);
                }
                tracing::error!(%error, "old changes stay in the audit trail; see `patchwharf audit verify`");
                return Ok(());
            }
            other => other?,
        };
        write.commit().await?;
        tracing::info!(rows = rows.len(), "old changes are in {}", kept.path);
        if !full {
            return Ok(());
        }
    }
}

struct Kept {
    path: Utf8PathBuf,
    sha256: patchwharf_model::Sha256,
}

/// Written aside, made durable, then named.
fn export(folder: &Utf8Path, server: &str, rows: &[AuditRow]) -> io::Result<Kept> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (first, last) = (rows.first().map_or(0, |row| row.audit_id), rows.last().map_or(0, |row| row.audit_id));
    // Several servers of one database have folders of their own, which may be gathered into one.
    let path = folder.join(format!("audit-{first:012}-{last:012}-{}.jsonl", &server[..8.min(server.len())]));
    let aside = path.with_extension("new");
    match fs::remove_file(&aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut hasher = patchwharf_trust::FileHasher::new();
    let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?);
    for row in rows {
        let mut line = serde_json::to_vec(&trail::entry(row.clone())).map_err(io::Error::other)?;
        line.push(b'\n');
        hasher.update(&line);
        file.write_all(&line)?;
    }
    file.into_inner()?.sync_all()?;
    fs::rename(&aside, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(Kept { path, sha256: hasher.finish().sha256 })
}
