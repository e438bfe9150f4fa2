-- What integrity checks find.

-- The report of a check: a line for each thing that was not as it should be, and what became of it.
CREATE TABLE finding (
    job_id          TEXT    NOT NULL REFERENCES job (job_id) ON DELETE CASCADE,
    finding_key     TEXT    NOT NULL,              -- kind and place: the same in every check
    rank            INTEGER NOT NULL,              -- worst first
    kind            TEXT    NOT NULL,
    gravity         TEXT    NOT NULL,
    package_id      TEXT,
    version         INTEGER,
    update_id       TEXT,
    update_key      TEXT    NOT NULL,
    bulletin_id     TEXT,
    bulletin        TEXT    NOT NULL,
    location_id     TEXT,
    path            TEXT    NOT NULL,
    expected        TEXT    NOT NULL,
    found           TEXT    NOT NULL,
    since           INTEGER NOT NULL,
    policies        TEXT    NOT NULL,              -- JSON list of names
    package_servers TEXT    NOT NULL,              -- JSON list of names
    outcome         TEXT    NOT NULL,
    became          TEXT    NOT NULL,
    done_by         TEXT    NOT NULL,              -- repair, clock, nobody
    remedy          TEXT    NOT NULL,
    command         TEXT    NOT NULL,
    PRIMARY KEY (job_id, finding_key)
) STRICT;
CREATE INDEX finding_order ON finding (job_id, rank, finding_key);

-- What was wrong when it was last looked at: keeps since when, over the reports' end.
CREATE TABLE open_finding (
    finding_key TEXT    NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    location_id TEXT,
    package_id  TEXT,
    version     INTEGER,
    since       INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    job_id      TEXT    NOT NULL,                  -- the check that saw it last
    stamp       TEXT    NOT NULL,                  -- of the bad file: the same stamp is the same bad file; empty: none
    expected    TEXT    NOT NULL,
    found       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Stamp of a manifest whose signature was verified, for light checks.
CREATE TABLE manifest_proof (
    package_id  TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    dev         INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    ctime_ns    INTEGER NOT NULL,
    PRIMARY KEY (package_id, version),
    FOREIGN KEY (package_id, version) REFERENCES package_version (package_id, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Nothing reads it, and every proof that is renewed would have to move in it.
DROP INDEX proof_verified;
