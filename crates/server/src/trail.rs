//! The audit trail's chain: its head is signed and written to the log every hour, and the whole of it is read every day.

use patchwharf_db::audit::{self, AuditRow, Chain, Seal, SealHead};
use patchwharf_model::{
    Sha256,
    api::{AuditChain, AuditEntry},
};
use patchwharf_store::{KnownKeys, Signers as _};

use crate::{app::App, operations::OperationError};

/// As the API shows it.
pub(crate) fn entry(row: AuditRow) -> AuditEntry {
    let AuditRow { audit_id, at, actor, source, action, object, before, after, digest } = row;
    AuditEntry { id: audit_id, at, actor, source, action, object, before, after, digest }
}

/// Reads the chain; `kept` is a change and its digest that somebody noted down before.
///
/// # Errors
/// When the database fails, or the head is missing.
pub async fn chain(app: &App, kept: Option<(i64, Sha256)>) -> patchwharf_db::Result<AuditChain> {
    let found = read(app, None).await?;
    let sealed_at = audit::last_seal(&app.db).await?.map(|seal| seal.at);
    let Chain { head, good, seals, mut broken } = found;
    if broken.is_none()
        && let Some((number, digest)) = kept
    {
        broken = audit::differs(&app.db, &head, number, digest).await?;
    }
    Ok(AuditChain {
        whole: broken.is_none(),
        good,
        begins_after: head.cut_id,
        head: head.audit_id,
        digest: head.digest,
        seals,
        sealed_at,
        broken_at: broken.as_ref().map(|broken| broken.audit_id),
        broken: broken.map(|broken| broken.what).unwrap_or_default(),
    })
}

async fn read(app: &App, after: Option<SealHead>) -> patchwharf_db::Result<Chain> {
    let keys = app.known_keys().await?;
    audit::verify(&app.db, after, &|seal| is_signed(seal, &keys)).await
}

fn is_signed(seal: &Seal, keys: &KnownKeys) -> bool {
    let (Ok(key), Ok(signature)) = (seal.key.parse(), seal.signature.parse()) else { return false };
    keys.trust(&key) && key.verifies(seal.head().text().as_bytes(), &signature)
}

/// Signs the head, if something was changed since the last time, and writes it to the log, which others keep. What was
/// changed since is read first: a broken chain is not sealed.
///
/// # Errors
/// When the database fails, or the head is missing.
pub async fn seal(app: &App) -> Result<(), OperationError> {
    let last = audit::last_seal(&app.db).await?;
    // What nobody has signed says nothing: then all of it is read, and the reading stops at that seal.
    let keys = app.known_keys().await?;
    let known = last.as_ref().filter(|last| is_signed(last, &keys)).map(Seal::head);
    let found = read(app, known).await?;
    if is_broken(&found) || last.is_some_and(|last| last.audit_id == found.head.audit_id) {
        return Ok(());
    }
    let now = app.clock.now();
    let head = SealHead { audit_id: found.head.audit_id, digest: found.head.digest, at: now };
    let seal = Seal {
        audit_id: head.audit_id,
        digest: head.digest,
        at: head.at,
        key: app.signing_key.public().to_string(),
        signature: app.signing_key.sign(head.text().as_bytes()).to_string(),
    };
    let mut write = app.db.write("system", "schedule", now).await?;
    audit::seal(&mut write, &seal).await?;
    write.commit().await?;
    tracing::info!(
        head = %format!("{}:{}", seal.audit_id, seal.digest), key = seal.key, signature = seal.signature,
        "the audit trail is sealed up to change {}", seal.audit_id
    );
    Ok(())
}

/// Reads all of it, and says in the log where it does not hold.
pub(crate) async fn check(app: &App) -> Result<(), OperationError> {
    is_broken(&read(app, None).await?);
    Ok(())
}

fn is_broken(found: &Chain) -> bool {
    if let Some(broken) = &found.broken {
        tracing::error!(
            change = broken.audit_id,
            "the audit trail does not hold at change {}: {}; compare it with a backup and with the heads in older logs \
             (`patchwharf audit verify --kept HEAD`)",
            broken.audit_id,
            broken.what
        );
    }
    found.broken.is_some()
}
