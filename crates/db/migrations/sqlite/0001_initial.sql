-- Times are microseconds since 1970 (UTC). Ids are UUIDs as lower-case text. JSON is TEXT and never queried inside.
-- Truth values are 0 and 1. The twin under ../postgres has the same tables; a test compares them.

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A root folder under which package folders lie.
CREATE TABLE location (
    location_id TEXT    NOT NULL PRIMARY KEY,
    path        TEXT    NOT NULL UNIQUE,
    is_default  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE feed (
    feed_id            TEXT    NOT NULL PRIMARY KEY,
    name               TEXT    NOT NULL,
    kind               TEXT    NOT NULL,           -- sdp, apt
    config             TEXT    NOT NULL,           -- JSON: url, suite, component, architecture, keyring, advisories, rules ...
    accept_sha1        INTEGER NOT NULL,
    schedule_minutes   INTEGER,                    -- none: only on demand
    next_import_at     INTEGER,
    current_generation INTEGER NOT NULL,           -- readers see rows with from_gen <= this < to_gen
    next_generation    INTEGER NOT NULL,
    catalogue_date     INTEGER,                    -- what the vendor says: an older one is a rollback
    fingerprint        TEXT,                       -- validators and digest of the last import: equal = nothing to do
    last_import_at     INTEGER,
    last_import_job    TEXT,
    last_error         TEXT,
    created_at         INTEGER NOT NULL,
    removed_at         INTEGER                     -- removed with its packages kept: never imported again
) STRICT;
CREATE UNIQUE INDEX feed_name ON feed (name) WHERE removed_at IS NULL;
CREATE INDEX feed_next_import ON feed (next_import_at);

-- Identity and the administrator's own properties of a bulletin; survives every import.
-- The columns after custom_severity are derived: written in the transaction that changes what they count.
CREATE TABLE bulletin (
    bulletin_id     TEXT    NOT NULL PRIMARY KEY,
    feed_id         TEXT    NOT NULL REFERENCES feed (feed_id),
    name            TEXT    NOT NULL,              -- the key within the feed: MS24-018, DSA-5380-1, sp65001
    folded          TEXT    NOT NULL,              -- name in lower case: what people type
    enabled         INTEGER NOT NULL,
    custom_severity TEXT,
    updates         INTEGER NOT NULL DEFAULT 0,    -- current, not superseded, not withdrawn
    packages        INTEGER NOT NULL DEFAULT 0,    -- of those, with the revision's content staged
    bad_packages    INTEGER NOT NULL DEFAULT 0,    -- of its packages, those whose current version is corrupt or missing
    policies        INTEGER NOT NULL DEFAULT 0,
    oldest_proof_at INTEGER NOT NULL DEFAULT 0,    -- oldest verification among its staged files; 0: none
    created_at      INTEGER NOT NULL,
    UNIQUE (feed_id, name)
) STRICT;
CREATE INDEX bulletin_name ON bulletin (name, bulletin_id);
CREATE INDEX bulletin_folded ON bulletin (folded);
CREATE INDEX bulletin_updates ON bulletin (updates, bulletin_id);
CREATE INDEX bulletin_packages ON bulletin (packages, bulletin_id);
CREATE INDEX bulletin_bad_packages ON bulletin (bad_packages, bulletin_id);
CREATE INDEX bulletin_policies ON bulletin (policies, bulletin_id);
CREATE INDEX bulletin_oldest_proof ON bulletin (oldest_proof_at, bulletin_id);

-- What the catalogue says of a bulletin, valid for generations from_gen <= g < to_gen of its feed.
CREATE TABLE bulletin_revision (
    bulletin_id   TEXT    NOT NULL REFERENCES bulletin (bulletin_id),
    feed_id       TEXT    NOT NULL,
    from_gen      INTEGER NOT NULL,
    to_gen        INTEGER,
    title         TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    vendor        TEXT    NOT NULL,
    severity      INTEGER NOT NULL,                -- 0 not rated .. 4 critical
    released_at   INTEGER NOT NULL,                -- 0: not known
    revised_at    INTEGER NOT NULL,
    cves          TEXT    NOT NULL,                -- space-separated, upper case
    kbs           TEXT    NOT NULL,                -- space-separated
    superseded_by TEXT,                            -- name of a bulletin in the feed; set also when all updates are superseded
    withdrawn     INTEGER NOT NULL,
    listed        INTEGER NOT NULL,                -- 0: absent from the current catalogue, kept
    digest        TEXT    NOT NULL,
    search        TEXT    NOT NULL,                -- name, title, vendor, CVEs, KBs, description in lower case
    PRIMARY KEY (bulletin_id, from_gen)
) STRICT, WITHOUT ROWID;
CREATE INDEX bulletin_revision_gen ON bulletin_revision (feed_id, from_gen);
CREATE INDEX bulletin_revision_end ON bulletin_revision (feed_id, to_gen);
CREATE INDEX bulletin_revision_superseded ON bulletin_revision (feed_id, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX bulletin_revision_revised ON bulletin_revision (revised_at, bulletin_id);
CREATE INDEX bulletin_revision_released ON bulletin_revision (released_at, bulletin_id);
CREATE INDEX bulletin_revision_severity ON bulletin_revision (severity, bulletin_id);

-- CVE names and articles that any revision of a bulletin named, to find it by; the revision itself has the last word.
CREATE TABLE bulletin_reference (
    reference   TEXT NOT NULL,
    bulletin_id TEXT NOT NULL REFERENCES bulletin (bulletin_id) ON DELETE CASCADE,
    PRIMARY KEY (reference, bulletin_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bulletin_reference_bulletin ON bulletin_reference (bulletin_id);

-- Identity of an update: the vendor's key within the feed.
CREATE TABLE software_update (
    update_id  TEXT    NOT NULL PRIMARY KEY,
    feed_id    TEXT    NOT NULL REFERENCES feed (feed_id),
    update_key TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (feed_id, update_key)
) STRICT;

CREATE TABLE update_revision (
    update_id      TEXT    NOT NULL REFERENCES software_update (update_id),
    feed_id        TEXT    NOT NULL,
    from_gen       INTEGER NOT NULL,
    to_gen         INTEGER,
    bulletin_id    TEXT    NOT NULL REFERENCES bulletin (bulletin_id),
    revised_at     INTEGER NOT NULL,
    title          TEXT    NOT NULL,
    vendor         TEXT    NOT NULL,
    classification TEXT    NOT NULL,
    architecture   TEXT    NOT NULL,
    version        TEXT    NOT NULL,
    severity       INTEGER NOT NULL,
    update_type    TEXT    NOT NULL,
    withdrawn      INTEGER NOT NULL,
    listed         INTEGER NOT NULL,
    superseded_by  TEXT,                           -- key of a live superseding update
    size_bytes     INTEGER NOT NULL,
    files          TEXT    NOT NULL,               -- JSON of [PayloadFile], those that the feed's rules choose
    files_digest   TEXT    NOT NULL,               -- SHA-256 over names, sizes and digests: equal = same content
    digest         TEXT    NOT NULL,               -- SHA-256 of the item
    PRIMARY KEY (update_id, from_gen)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_revision_gen ON update_revision (feed_id, from_gen);
CREATE INDEX update_revision_end ON update_revision (feed_id, to_gen);
CREATE INDEX update_revision_bulletin ON update_revision (bulletin_id);

-- The whole UpdateItem as JSON, kept apart so that lists never read it; revisions of the same content share it.
CREATE TABLE update_item (
    update_id TEXT NOT NULL,
    digest    TEXT NOT NULL,
    item      TEXT NOT NULL,
    PRIMARY KEY (update_id, digest)
) STRICT;

-- What an update supersedes as its item lists it; the superseded key may not exist (yet). Goes with the item's digest.
CREATE TABLE supersedence (
    update_id      TEXT NOT NULL,
    digest         TEXT NOT NULL,
    feed_id        TEXT NOT NULL,
    superseded_key TEXT NOT NULL,
    PRIMARY KEY (update_id, digest, superseded_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX supersedence_key ON supersedence (feed_id, superseded_key);

CREATE TABLE package (
    package_id      TEXT    NOT NULL PRIMARY KEY,
    update_id       TEXT    NOT NULL REFERENCES software_update (update_id),
    active          INTEGER NOT NULL,              -- 1: the update's package; 0: replaced by another GUID, or being deleted
    current_version INTEGER,                       -- the version that is served
    next_version    INTEGER NOT NULL,              -- never used twice
    token           INTEGER NOT NULL,              -- fencing: rises with every change of the row; writers compare it
    lock_job        TEXT,                          -- the job that changes it now
    lock_until      INTEGER,
    -- Derived from the current version, else from the newest: written in the transaction that changes it.
    shown_version   INTEGER,
    state           TEXT,
    since           INTEGER NOT NULL,
    size_bytes      INTEGER NOT NULL,
    proved_at       INTEGER NOT NULL,              -- oldest verification among its files; 0: none
    created_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX package_active ON package (update_id) WHERE active = 1;
CREATE INDEX package_update ON package (update_id);
CREATE INDEX package_lock ON package (lock_job) WHERE lock_job IS NOT NULL;
CREATE INDEX package_created ON package (created_at, package_id);
CREATE INDEX package_state ON package (state, package_id);
CREATE INDEX package_since ON package (since, package_id);
CREATE INDEX package_size ON package (size_bytes, package_id);
CREATE INDEX package_proved ON package (proved_at, package_id);

CREATE TABLE package_version (
    package_id   TEXT    NOT NULL REFERENCES package (package_id),
    version      INTEGER NOT NULL,
    location_id  TEXT    NOT NULL REFERENCES location (location_id),
    state        TEXT    NOT NULL,
    since        INTEGER NOT NULL,
    job_id       TEXT,
    reason       TEXT    NOT NULL DEFAULT '',
    weak         INTEGER NOT NULL,                 -- 1: some file is pinned by SHA-1 only
    size_bytes   INTEGER NOT NULL,
    files_digest TEXT    NOT NULL,                 -- of the update revision that it was made from
    retire_after INTEGER,                          -- retired: unlink not before this
    next_try_at  INTEGER,                          -- unreachable, waiting for space: when it is tried again
    attempts     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (package_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_version_state ON package_version (state, retire_after);
CREATE INDEX package_version_location ON package_version (location_id, package_id, version);

CREATE TABLE package_file (
    package_id   TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    size_bytes   INTEGER NOT NULL,
    sha256       TEXT,                             -- none: not downloaded yet and the vendor gives SHA-1 only
    vendor_digest TEXT   NOT NULL,                 -- JSON of VendorDigest
    url          TEXT,
    inode        INTEGER,                          -- with the version's location: the proof
    dev          INTEGER,
    state        TEXT    NOT NULL,                 -- wanted, staged, corrupt, missing, unreachable, vendor-changed
    reason       TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (package_id, version, name),
    FOREIGN KEY (package_id, version) REFERENCES package_version (package_id, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX package_file_sha256 ON package_file (sha256);
CREATE INDEX package_file_inode ON package_file (inode, dev);

-- Proof stamp of an inode whose bytes were hashed.
CREATE TABLE proof (
    location_id TEXT    NOT NULL,
    dev         INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    ctime_ns    INTEGER NOT NULL,
    sha256      TEXT    NOT NULL,
    verified_at INTEGER NOT NULL,
    job_id      TEXT,
    PRIMARY KEY (location_id, dev, inode)
) STRICT, WITHOUT ROWID;
CREATE INDEX proof_verified ON proof (verified_at);

CREATE TABLE policy (
    policy_id   TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    enabled     INTEGER NOT NULL,
    on_revision TEXT    NOT NULL,                  -- automatic, ask
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- One switch per update. The package that it points at follows the update's package by the policy's rule.
CREATE TABLE policy_update (
    policy_id       TEXT    NOT NULL REFERENCES policy (policy_id) ON DELETE CASCADE,
    update_id       TEXT    NOT NULL REFERENCES software_update (update_id),
    enabled         INTEGER NOT NULL,
    package_id      TEXT,                          -- none: package missing
    version         INTEGER,
    files_digest    TEXT,
    pending_package TEXT,                          -- on_revision = ask: what waits for the administrator
    pending_version INTEGER,
    PRIMARY KEY (policy_id, update_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_update_update ON policy_update (update_id);
CREATE INDEX policy_update_package ON policy_update (package_id);
CREATE INDEX policy_update_pending ON policy_update (pending_package) WHERE pending_package IS NOT NULL;

CREATE TABLE job (
    job_id       TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    payload      TEXT    NOT NULL,                 -- JSON, closed schema per kind
    priority     INTEGER NOT NULL,
    dedup_key    TEXT,                             -- one unfinished job per key
    operation_id TEXT    UNIQUE,                   -- the caller's own id of its request: the same id twice is one job
    state        TEXT    NOT NULL,
    not_before   INTEGER NOT NULL,
    waiting_for  TEXT    NOT NULL DEFAULT '',      -- queued again: what it waits for (space, a package held by job ...)
    attempt      INTEGER NOT NULL,
    lease_owner  TEXT,
    lease_until  INTEGER,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    pause_asked  INTEGER NOT NULL DEFAULT 0,
    progress     TEXT    NOT NULL,                 -- JSON of Progress
    report       TEXT,                             -- JSON of Report
    actor        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER
) STRICT;
CREATE UNIQUE INDEX job_dedup ON job (dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('queued', 'running', 'paused');
CREATE INDEX job_claim ON job (state, priority DESC, not_before);
CREATE INDEX job_ended ON job (ended_at);
CREATE INDEX job_created ON job (created_at, job_id);

-- How each thing of a job ended; survives a restart in the middle of the job.
CREATE TABLE job_item (
    job_id  TEXT    NOT NULL REFERENCES job (job_id) ON DELETE CASCADE,
    item    TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    failed  INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    PRIMARY KEY (job_id, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    audit_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    source   TEXT    NOT NULL,                     -- api, job <id>, start-up
    action   TEXT    NOT NULL,                     -- bulletin.disable, package.delete ...
    object   TEXT    NOT NULL,                     -- kind and id
    before   TEXT,
    after    TEXT
) STRICT;
CREATE INDEX audit_object ON audit (object, audit_id);
