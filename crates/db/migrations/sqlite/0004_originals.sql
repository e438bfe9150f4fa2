-- A copy of a version that a relocation has left behind. Undo and prune work from these rows and never guess.
CREATE TABLE original (
    package_id  TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    location_id TEXT    NOT NULL REFERENCES location (location_id),
    same_data   INTEGER NOT NULL,                  -- 1: has no bytes of its own (hard link or reflink): no second copy
    moved_at    INTEGER NOT NULL,
    job_id      TEXT    NOT NULL,
    PRIMARY KEY (package_id, version, location_id),
    FOREIGN KEY (package_id, version) REFERENCES package_version (package_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX original_location ON original (location_id, package_id, version);
