-- A copy of a version that a relocation has left behind. Undo and prune work from these rows and never guess.
CREATE TABLE original (
    package_id  TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    location_id TEXT COLLATE "C" NOT NULL REFERENCES location (location_id),
    same_data   BIGINT NOT NULL,                   -- 1: has no bytes of its own (hard link or reflink): no second copy
    moved_at    BIGINT NOT NULL,
    job_id      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (package_id, version, location_id),
    FOREIGN KEY (package_id, version) REFERENCES package_version (package_id, version)
);
CREATE INDEX original_location ON original (location_id, package_id, version);
