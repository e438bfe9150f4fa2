//! The audit trail's chain: its head is signed, written to the log and remembered in the data folder every hour, and the whole
//! of it is read every day.

mod heads;

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use patchwharf_db::audit::{self, AuditRow, Broken, Chain, Seal, SealHead};
use patchwharf_model::{
    Sha256, Timestamp,
    api::{AuditChain, AuditEntry},
};
use patchwharf_store::{KnownKeys, Signers as _};

pub(crate) use heads::{Heads, set_aside};

use crate::{app::App, operations::OperationError};
use heads::Place;

/// What was found the last time, for whoever is to be told.
#[derive(Debug, Default)]
pub struct Verdict(Mutex<Option<Broken>>);

impl Verdict {
    /// Where it does not hold; a look at a part of it says nothing of the rest.
    fn note(&self, broken: Option<&Broken>, is_whole: bool) {
        if is_whole || broken.is_some() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = broken.cloned();
        }
    }

    /// The first place at which the trail does not hold, in words.
    pub(crate) fn trouble(&self) -> Option<(String, String)> {
        let broken = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(("the audit trail".to_owned(), format!("does not hold at change {}: {}", broken.audit_id, broken.what)))
    }
}

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

/// Reads the chain, or what came after a change that is known to be good, and holds it against what this server remembers.
async fn read(app: &App, after: Option<SealHead>) -> patchwharf_db::Result<Chain> {
    loop {
        // In this order: what is remembered is older than what is read.
        let (heads, written) = (remembered(app).await, app.db.written());
        let keys = app.known_keys().await?;
        let mut found = audit::verify(&app.db, after, &|seal| is_signed(seal, &keys)).await?;
        if found.broken.is_none() {
            found.broken = against(app, &heads, written, &found).await?;
        }
        // This server may have cut meanwhile.
        let is_as_before = || async { heads.as_ref().ok() == remembered(app).await.as_ref().ok() };
        if found.broken.is_none() || is_as_before().await {
            app.trail.note(found.broken.as_ref(), after.is_none());
            return Ok(found);
        }
    }
}

/// What the trail does not have that this server remembers.
async fn against(
    app: &App,
    heads: &io::Result<Option<Heads>>,
    written: Option<(i64, Sha256)>,
    found: &Chain,
) -> patchwharf_db::Result<Option<Broken>> {
    let heads = match heads {
        Ok(None) => return Ok(None),
        Ok(Some(heads)) => heads,
        Err(error) => {
            let what = format!(
                "what this server remembers of the trail cannot be read ({error}): look at the disk of {}; `patchwharf audit \
                 accept` begins anew",
                app.config.data
            );
            return Ok(Some(Broken { audit_id: found.head.audit_id, what }));
        }
    };
    if let Some(broken) = heads.judge(&app.db, &found.head, app.clock.now()).await? {
        return Ok(Some(broken));
    }
    let Some((number, digest)) = written else { return Ok(None) };
    let broken = audit::differs(&app.db, &found.head, number, digest).await?;
    let told =
        |Broken { audit_id, what }| Broken { audit_id, what: format!("{what}; this server has written it itself") };
    Ok(broken.map(told))
}

async fn remembered(app: &App) -> io::Result<Option<Heads>> {
    let data = app.config.data.clone();
    on_disk(move || Heads::read(&data)).await
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn is_signed(seal: &Seal, keys: &KnownKeys) -> bool {
    let (Ok(key), Ok(signature)) = (seal.key.parse(), seal.signature.parse()) else { return false };
    keys.trust(&key) && key.verifies(seal.head().text().as_bytes(), &signature)
}

/// Signs the head, if something was changed since the last time, writes it to the log, which others keep, and remembers it
/// outside the database. What was changed since is read first: a broken chain is not sealed.
///
/// # Errors
/// When the database fails, the head is missing, or the data folder cannot be written.
pub async fn seal(app: &App) -> Result<(), OperationError> {
    let now = app.clock.now();
    let heads = remembered(app).await;
    if matches!(heads, Ok(None)) {
        // So an alarm ends that `audit accept` has answered. What is wrong all the same is said, and what comes is guarded.
        check(app).await?;
    }
    let Some(mut found) = holding(app).await? else { return Ok(()) };
    let heads = heads.map_err(|error| unwritten(app, error))?;
    if heads.is_none() {
        found = begin(app, &found).await?;
        if is_broken(&found) {
            return Ok(());
        }
    }
    if audit::last_seal(&app.db).await?.is_none_or(|last| last.audit_id != found.head.audit_id) {
        sign(app, &found, now).await?;
    }
    let keep = app.config.retention.audit;
    let then = match heads.clone() {
        None => Heads::begin(&found.head, keep, now),
        Some(heads) => heads.and(&found.head, keep, now),
    };
    if heads.as_ref() != Some(&then) {
        let data = app.config.data.clone();
        on_disk(move || then.write(heads.as_ref(), &data)).await.map_err(|error| unwritten(app, error))?;
    }
    Ok(())
}

/// The chain from the last end on that is known to be good; none: it does not hold, and the log says where.
async fn holding(app: &App) -> Result<Option<Chain>, OperationError> {
    let heads = remembered(app).await.ok().flatten();
    let seen = heads.as_ref().and_then(Heads::newest);
    let known = match seen {
        Some(seen) => Some(SealHead { audit_id: seen.change, digest: seen.digest, at: seen.at() }),
        // What nobody has signed says nothing: then all of it is read, and the reading stops at that seal.
        None => {
            let keys = app.known_keys().await?;
            audit::last_seal(&app.db).await?.filter(|last| is_signed(last, &keys)).map(|last| last.head())
        }
    };
    let found = read(app, known).await?;
    Ok((!is_broken(&found)).then_some(found))
}

/// From now on this data folder remembers the trail. That it did not before is on the trail itself: nobody makes a server
/// forget unseen.
async fn begin(app: &App, found: &Chain) -> Result<Chain, OperationError> {
    let head = found.head;
    app.db.forget_written();
    let mut write = app.db.write("system", "schedule", app.clock.now()).await?;
    let taken =
        format!("the trail is taken as it is, from change {} to {}:{}", head.cut_id, head.audit_id, head.digest);
    write.audit("audit.begin", format!("server {}", app.instance), None, Some(taken));
    write.commit().await?;
    let known = SealHead { audit_id: head.audit_id, digest: head.digest, at: app.clock.now() };
    Ok(read(app, Some(known)).await?)
}

async fn sign(app: &App, found: &Chain, now: Timestamp) -> Result<(), OperationError> {
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
        begins_after = %format!("{}:{}", found.head.cut_id, found.head.cut_digest),
        "the audit trail is sealed up to change {}", seal.audit_id
    );
    Ok(())
}

/// Before the oldest changes are cut, up to `last`: whether the trail holds, so that no trail is cut that somebody has altered;
/// and the new beginning is remembered, so that it is known for this server's own.
///
/// # Errors
/// When the database fails, or the data folder cannot be written.
pub(crate) async fn before_cut(app: &App, last: &AuditRow) -> Result<bool, OperationError> {
    let Some(found) = holding(app).await? else { return Ok(false) };
    if let Some(heads) = remembered(app).await.map_err(|error| unwritten(app, error))? {
        let to = last.digest.map(|digest| Place { change: last.audit_id, digest });
        let (then, data) = (heads.clone().and_cutting(&found.head, to), app.config.data.clone());
        on_disk(move || then.write(Some(&heads), &data)).await.map_err(|error| unwritten(app, error))?;
    }
    Ok(true)
}

fn unwritten(app: &App, error: io::Error) -> OperationError {
    let message = format!(
        "what the server remembers of the audit trail cannot be read or written in {}: look at that disk and its permissions; \
         if the file itself is spoilt, `patchwharf audit accept` begins anew",
        heads::path(&app.config.data)
    );
    OperationError::new("audit", message).because(error)
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
