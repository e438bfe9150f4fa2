-- Times are microseconds since 1970 (UTC). Ids are UUIDs as lower-case text. JSON is TEXT and never queried inside.
-- Truth values are 0 and 1. The twin under ../sqlite has the same tables; a test compares them.
-- Texts are compared by byte, as SQLite does.

CREATE TABLE setting (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- A root folder under which package folders lie.
CREATE TABLE location (
    location_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    path        TEXT COLLATE "C" NOT NULL UNIQUE,
    is_default  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE feed (
    feed_id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name               TEXT COLLATE "C" NOT NULL,
    kind               TEXT COLLATE "C" NOT NULL,           -- sdp, apt
    config             TEXT COLLATE "C" NOT NULL,           -- JSON: url, suite, component, architecture, keyring, advisories, rules ...
    accept_sha1        BIGINT NOT NULL,
    schedule_minutes   BIGINT,                    -- none: only on demand
    next_import_at     BIGINT,
    current_generation BIGINT NOT NULL,           -- readers see rows with from_gen <= this < to_gen
    next_generation    BIGINT NOT NULL,
    catalogue_date     BIGINT,                    -- what the vendor says: an older one is a rollback
    fingerprint        TEXT COLLATE "C",                       -- validators and digest of the last import: equal = nothing to do
    last_import_at     BIGINT,
    last_import_job    TEXT COLLATE "C",
    last_error         TEXT COLLATE "C",
    created_at         BIGINT NOT NULL,
    removed_at         BIGINT                     -- removed with its packages kept: never imported again
);
CREATE UNIQUE INDEX feed_name ON feed (name) WHERE removed_at IS NULL;
CREATE INDEX feed_next_import ON feed (next_import_at);

-- Identity and the administrator's own properties of a bulletin; survives every import.
-- The columns after custom_severity are derived: written in the transaction that changes what they count.
CREATE TABLE bulletin (
    bulletin_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    feed_id         TEXT COLLATE "C" NOT NULL REFERENCES feed (feed_id),
    name            TEXT COLLATE "C" NOT NULL,              -- the key within the feed: MS24-018, DSA-5380-1, sp65001
    folded          TEXT COLLATE "C" NOT NULL,              -- name in lower case: what people type
    enabled         BIGINT NOT NULL,
    custom_severity TEXT COLLATE "C",
    updates         BIGINT NOT NULL DEFAULT 0,    -- current, not superseded, not withdrawn
    packages        BIGINT NOT NULL DEFAULT 0,    -- of those, with the revision's content staged
    bad_packages    BIGINT NOT NULL DEFAULT 0,    -- of its packages, those whose current version is corrupt or missing
    policies        BIGINT NOT NULL DEFAULT 0,
    oldest_proof_at BIGINT NOT NULL DEFAULT 0,    -- oldest verification among its staged files; 0: none
    created_at      BIGINT NOT NULL,
    UNIQUE (feed_id, name)
);
CREATE INDEX bulletin_name ON bulletin (name, bulletin_id);
CREATE INDEX bulletin_folded ON bulletin (folded);
CREATE INDEX bulletin_updates ON bulletin (updates, bulletin_id);
CREATE INDEX bulletin_packages ON bulletin (packages, bulletin_id);
CREATE INDEX bulletin_bad_packages ON bulletin (bad_packages, bulletin_id);
CREATE INDEX bulletin_policies ON bulletin (policies, bulletin_id);
CREATE INDEX bulletin_oldest_proof ON bulletin (oldest_proof_at, bulletin_id);

-- What the catalogue says of a bulletin, valid for generations from_gen <= g < to_gen of its feed.
CREATE TABLE bulletin_revision (
    bulletin_id   TEXT COLLATE "C" NOT NULL REFERENCES bulletin (bulletin_id),
    feed_id       TEXT COLLATE "C" NOT NULL,
    from_gen      BIGINT NOT NULL,
    to_gen        BIGINT,
    title         TEXT COLLATE "C" NOT NULL,
    description   TEXT COLLATE "C" NOT NULL,
    vendor        TEXT COLLATE "C" NOT NULL,
    severity      BIGINT NOT NULL,                -- 0 not rated .. 4 critical
    released_at   BIGINT NOT NULL,                -- 0: not known
    revised_at    BIGINT NOT NULL,
    cves          TEXT COLLATE "C" NOT NULL,                -- space-separated, upper case
    kbs           TEXT COLLATE "C" NOT NULL,                -- space-separated
    superseded_by TEXT COLLATE "C",                            -- name of a bulletin in the feed; set also when all updates are superseded
    withdrawn     BIGINT NOT NULL,
    listed        BIGINT NOT NULL,                -- 0: absent from the current catalogue, kept
    digest        TEXT COLLATE "C" NOT NULL,
    search        TEXT COLLATE "C" NOT NULL,                -- name, title, vendor, CVEs, KBs, description in lower case
    PRIMARY KEY (bulletin_id, from_gen)
);
CREATE INDEX bulletin_revision_gen ON bulletin_revision (feed_id, from_gen);
CREATE INDEX bulletin_revision_end ON bulletin_revision (feed_id, to_gen);
CREATE INDEX bulletin_revision_superseded ON bulletin_revision (feed_id, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX bulletin_revision_revised ON bulletin_revision (revised_at, bulletin_id);
CREATE INDEX bulletin_revision_released ON bulletin_revision (released_at, bulletin_id);
CREATE INDEX bulletin_revision_severity ON bulletin_revision (severity, bulletin_id);

-- CVE names and articles that any revision of a bulletin named, to find it by; the revision itself has the last word.
CREATE TABLE bulletin_reference (
    reference   TEXT COLLATE "C" NOT NULL,
    bulletin_id TEXT COLLATE "C" NOT NULL REFERENCES bulletin (bulletin_id) ON DELETE CASCADE,
    PRIMARY KEY (reference, bulletin_id)
);
CREATE INDEX bulletin_reference_bulletin ON bulletin_reference (bulletin_id);

-- Identity of an update: the vendor's key within the feed.
CREATE TABLE software_update (
    update_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    feed_id    TEXT COLLATE "C" NOT NULL REFERENCES feed (feed_id),
    update_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (feed_id, update_key)
);

CREATE TABLE update_revision (
    update_id      TEXT COLLATE "C" NOT NULL REFERENCES software_update (update_id),
    feed_id        TEXT COLLATE "C" NOT NULL,
    from_gen       BIGINT NOT NULL,
    to_gen         BIGINT,
    bulletin_id    TEXT COLLATE "C" NOT NULL REFERENCES bulletin (bulletin_id),
    revised_at     BIGINT NOT NULL,
    title          TEXT COLLATE "C" NOT NULL,
    vendor         TEXT COLLATE "C" NOT NULL,
    classification TEXT COLLATE "C" NOT NULL,
    architecture   TEXT COLLATE "C" NOT NULL,
    version        TEXT COLLATE "C" NOT NULL,
    severity       BIGINT NOT NULL,
    update_type    TEXT COLLATE "C" NOT NULL,
    withdrawn      BIGINT NOT NULL,
    listed         BIGINT NOT NULL,
    superseded_by  TEXT COLLATE "C",                           -- key of a live superseding update
    size_bytes     BIGINT NOT NULL,
    files          TEXT COLLATE "C" NOT NULL,               -- JSON of [PayloadFile], those that the feed's rules choose
    files_digest   TEXT COLLATE "C" NOT NULL,               -- SHA-256 over names, sizes and digests: equal = same content
    digest         TEXT COLLATE "C" NOT NULL,               -- SHA-256 of the item
    PRIMARY KEY (update_id, from_gen)
);
CREATE INDEX update_revision_gen ON update_revision (feed_id, from_gen);
CREATE INDEX update_revision_end ON update_revision (feed_id, to_gen);
CREATE INDEX update_revision_bulletin ON update_revision (bulletin_id);

-- The whole UpdateItem as JSON, kept apart so that lists never read it; revisions of the same content share it.
CREATE TABLE update_item (
    update_id TEXT COLLATE "C" NOT NULL,
    digest    TEXT COLLATE "C" NOT NULL,
    item      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (update_id, digest)
);

-- What an update supersedes as its item lists it; the superseded key may not exist (yet). Goes with the item's digest.
CREATE TABLE supersedence (
    update_id      TEXT COLLATE "C" NOT NULL,
    digest         TEXT COLLATE "C" NOT NULL,
    feed_id        TEXT COLLATE "C" NOT NULL,
    superseded_key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (update_id, digest, superseded_key)
);
CREATE INDEX supersedence_key ON supersedence (feed_id, superseded_key);

CREATE TABLE package (
    package_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    update_id       TEXT COLLATE "C" NOT NULL REFERENCES software_update (update_id),
    active          BIGINT NOT NULL,              -- 1: the update's package; 0: replaced by another GUID, or being deleted
    current_version BIGINT,                       -- the version that is served
    next_version    BIGINT NOT NULL,              -- never used twice
    token           BIGINT NOT NULL,              -- fencing: rises with every change of the row; writers compare it
    lock_job        TEXT COLLATE "C",                          -- the job that changes it now
    lock_until      BIGINT,
    -- Derived from the current version, else from the newest: written in the transaction that changes it.
    shown_version   BIGINT,
    state           TEXT COLLATE "C",
    since           BIGINT NOT NULL,
    size_bytes      BIGINT NOT NULL,
    proved_at       BIGINT NOT NULL,              -- oldest verification among its files; 0: none
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX package_active ON package (update_id) WHERE active = 1;
CREATE INDEX package_update ON package (update_id);
CREATE INDEX package_lock ON package (lock_job) WHERE lock_job IS NOT NULL;
CREATE INDEX package_created ON package (created_at, package_id);
CREATE INDEX package_state ON package (state, package_id);
CREATE INDEX package_since ON package (since, package_id);
CREATE INDEX package_size ON package (size_bytes, package_id);
CREATE INDEX package_proved ON package (proved_at, package_id);

CREATE TABLE package_version (
    package_id   TEXT COLLATE "C" NOT NULL REFERENCES package (package_id),
    version      BIGINT NOT NULL,
    location_id  TEXT COLLATE "C" NOT NULL REFERENCES location (location_id),
    state        TEXT COLLATE "C" NOT NULL,
    since        BIGINT NOT NULL,
    job_id       TEXT COLLATE "C",
    reason       TEXT COLLATE "C" NOT NULL DEFAULT '',
    weak         BIGINT NOT NULL,                 -- 1: some file is pinned by SHA-1 only
    size_bytes   BIGINT NOT NULL,
    files_digest TEXT COLLATE "C" NOT NULL,                 -- of the update revision that it was made from
    retire_after BIGINT,                          -- retired: unlink not before this
    next_try_at  BIGINT,                          -- unreachable, waiting for space: when it is tried again
    attempts     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (package_id, version)
);
CREATE INDEX package_version_state ON package_version (state, retire_after);
CREATE INDEX package_version_location ON package_version (location_id, package_id, version);

CREATE TABLE package_file (
    package_id   TEXT COLLATE "C" NOT NULL,
    version      BIGINT NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    size_bytes   BIGINT NOT NULL,
    sha256       TEXT COLLATE "C",                             -- none: not downloaded yet and the vendor gives SHA-1 only
    vendor_digest TEXT COLLATE "C" NOT NULL,                 -- JSON of VendorDigest
    url          TEXT COLLATE "C",
    inode        BIGINT,                          -- with the version's location: the proof
    dev          BIGINT,
    state        TEXT COLLATE "C" NOT NULL,                 -- wanted, staged, corrupt, missing, unreachable, vendor-changed
    reason       TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (package_id, version, name),
    FOREIGN KEY (package_id, version) REFERENCES package_version (package_id, version) ON DELETE CASCADE
);
CREATE INDEX package_file_sha256 ON package_file (sha256);
CREATE INDEX package_file_inode ON package_file (inode, dev);

-- Proof stamp of an inode whose bytes were hashed.
CREATE TABLE proof (
    location_id TEXT COLLATE "C" NOT NULL,
    dev         BIGINT NOT NULL,
    inode       BIGINT NOT NULL,
    size_bytes  BIGINT NOT NULL,
    mtime_ns    BIGINT NOT NULL,
    ctime_ns    BIGINT NOT NULL,
    sha256      TEXT COLLATE "C" NOT NULL,
    verified_at BIGINT NOT NULL,
    job_id      TEXT COLLATE "C",
    PRIMARY KEY (location_id, dev, inode)
);
CREATE INDEX proof_verified ON proof (verified_at);

CREATE TABLE policy (
    policy_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL UNIQUE,
    enabled     BIGINT NOT NULL,
    on_revision TEXT COLLATE "C" NOT NULL,                  -- automatic, ask
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);

-- One switch per update. The package that it points at follows the update's package by the policy's rule.
CREATE TABLE policy_update (
    policy_id       TEXT COLLATE "C" NOT NULL REFERENCES policy (policy_id) ON DELETE CASCADE,
    update_id       TEXT COLLATE "C" NOT NULL REFERENCES software_update (update_id),
    enabled         BIGINT NOT NULL,
    package_id      TEXT COLLATE "C",                          -- none: package missing
    version         BIGINT,
    files_digest    TEXT COLLATE "C",
    pending_package TEXT COLLATE "C",                          -- on_revision = ask: what waits for the administrator
    pending_version BIGINT,
    PRIMARY KEY (policy_id, update_id)
);
CREATE INDEX policy_update_update ON policy_update (update_id);
CREATE INDEX policy_update_package ON policy_update (package_id);
CREATE INDEX policy_update_pending ON policy_update (pending_package) WHERE pending_package IS NOT NULL;

CREATE TABLE job (
    job_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind         TEXT COLLATE "C" NOT NULL,
    payload      TEXT COLLATE "C" NOT NULL,                 -- JSON, closed schema per kind
    priority     BIGINT NOT NULL,
    dedup_key    TEXT COLLATE "C",                             -- one unfinished job per key
    operation_id TEXT COLLATE "C" UNIQUE,                   -- the caller's own id of its request: the same id twice is one job
    state        TEXT COLLATE "C" NOT NULL,
    not_before   BIGINT NOT NULL,
    waiting_for  TEXT COLLATE "C" NOT NULL DEFAULT '',      -- queued again: what it waits for (space, a package held by job ...)
    attempt      BIGINT NOT NULL,
    lease_owner  TEXT COLLATE "C",
    lease_until  BIGINT,
    cancel_asked BIGINT NOT NULL DEFAULT 0,
    pause_asked  BIGINT NOT NULL DEFAULT 0,
    progress     TEXT COLLATE "C" NOT NULL,                 -- JSON of Progress
    report       TEXT COLLATE "C",                             -- JSON of Report
    actor        TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    started_at   BIGINT,
    ended_at     BIGINT
);
CREATE UNIQUE INDEX job_dedup ON job (dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('queued', 'running', 'paused');
CREATE INDEX job_claim ON job (state, priority DESC, not_before);
CREATE INDEX job_ended ON job (ended_at);
CREATE INDEX job_created ON job (created_at, job_id);

-- How each thing of a job ended; survives a restart in the middle of the job.
CREATE TABLE job_item (
    job_id  TEXT COLLATE "C" NOT NULL REFERENCES job (job_id) ON DELETE CASCADE,
    item    TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    failed  BIGINT NOT NULL,
    reason  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, item)
);

CREATE TABLE audit (
    audit_id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,                     -- api, job <id>, start-up
    action   TEXT COLLATE "C" NOT NULL,                     -- bulletin.disable, package.delete ...
    object   TEXT COLLATE "C" NOT NULL,                     -- kind and id
    before   TEXT COLLATE "C",
    after    TEXT COLLATE "C"
);
CREATE INDEX audit_object ON audit (object, audit_id);

-- Batches come in as one JSON parameter, an array of rows; SQLite has this function by nature.
CREATE FUNCTION json_each(batch TEXT) RETURNS TABLE (value JSONB) LANGUAGE SQL IMMUTABLE STRICT ROWS 500
    AS 'SELECT row_value FROM jsonb_array_elements(batch::jsonb) AS element (row_value)';

-- Log records, numbered per server by its one writer. With SQLite they are in a file of their own (../sqlite/log.sql).
CREATE TABLE log_record (
    server      TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    level       BIGINT NOT NULL,                  -- 1 error .. 5 trace
    target      TEXT COLLATE "C" NOT NULL,
    message     TEXT COLLATE "C" NOT NULL,
    job_id      TEXT COLLATE "C",
    package_id  TEXT COLLATE "C",
    bulletin_id TEXT COLLATE "C",
    fields      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (server, number)
);
CREATE INDEX log_record_at ON log_record (at);
CREATE INDEX log_record_job ON log_record (job_id, number) WHERE job_id IS NOT NULL;
CREATE INDEX log_record_package ON log_record (package_id, number) WHERE package_id IS NOT NULL;
CREATE INDEX log_record_bulletin ON log_record (bulletin_id, number) WHERE bulletin_id IS NOT NULL;
CREATE INDEX log_record_level ON log_record (level, at) WHERE level <= 2;
