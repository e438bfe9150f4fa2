-- What integrity checks find.

-- The report of a check: a line for each thing that was not as it should be, and what became of it.
CREATE TABLE finding (
    job_id          TEXT COLLATE "C" NOT NULL REFERENCES job (job_id) ON DELETE CASCADE,
    finding_key     TEXT COLLATE "C" NOT NULL,              -- kind and place: the same in every check
    rank            BIGINT NOT NULL,              -- worst first
    kind            TEXT COLLATE "C" NOT NULL,
    gravity         TEXT COLLATE "C" NOT NULL,
    package_id      TEXT COLLATE "C",
    version         BIGINT,
    update_id       TEXT COLLATE "C",
    update_key      TEXT COLLATE "C" NOT NULL,
    bulletin_id     TEXT COLLATE "C",
    bulletin        TEXT COLLATE "C" NOT NULL,
    location_id     TEXT COLLATE "C",
    path            TEXT COLLATE "C" NOT NULL,
    expected        TEXT COLLATE "C" NOT NULL,
    found           TEXT COLLATE "C" NOT NULL,
    since           BIGINT NOT NULL,
    policies        TEXT COLLATE "C" NOT NULL,              -- JSON list of names
    package_servers TEXT COLLATE "C" NOT NULL,              -- JSON list of names
    outcome         TEXT COLLATE "C" NOT NULL,
    became          TEXT COLLATE "C" NOT NULL,
    done_by         TEXT COLLATE "C" NOT NULL,              -- repair, clock, nobody
    remedy          TEXT COLLATE "C" NOT NULL,
    command         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, finding_key)
);
CREATE INDEX finding_order ON finding (job_id, rank, finding_key);

-- What was wrong when it was last looked at: keeps since when, over the reports' end.
CREATE TABLE open_finding (
    finding_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL,
    location_id TEXT COLLATE "C",
    package_id  TEXT COLLATE "C",
    version     BIGINT,
    since       BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    job_id      TEXT COLLATE "C" NOT NULL,                  -- the check that saw it last
    stamp       TEXT COLLATE "C" NOT NULL,                  -- of the bad file: the same stamp is the same bad file; empty: none
    expected    TEXT COLLATE "C" NOT NULL,
    found       TEXT COLLATE "C" NOT NULL
);

-- Stamp of a manifest whose signature was verified, for light checks.
CREATE TABLE manifest_proof (
    package_id  TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    dev         BIGINT NOT NULL,
    inode       BIGINT NOT NULL,
    size_bytes  BIGINT NOT NULL,
    mtime_ns    BIGINT NOT NULL,
    ctime_ns    BIGINT NOT NULL,
    PRIMARY KEY (package_id, version),
    FOREIGN KEY (package_id, version) REFERENCES package_version (package_id, version) ON DELETE CASCADE
);

-- Nothing reads it, and every proof that is renewed would have to move in it.
DROP INDEX proof_verified;
