-- Texts are found by an index of trigrams, and what a bulletin's lists count is valid for generations, as all else that
-- an import writes (docs/decisions/0013).

-- Wide rows in a table WITHOUT ROWID spill out of its inner pages: it is three times as large and ten times as slow to
-- go through. The number of a revision is what the text index refers to.
CREATE TABLE bulletin_revision_numbered (
    revision_id   INTEGER NOT NULL PRIMARY KEY,
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
    UNIQUE (bulletin_id, from_gen)
) STRICT;
INSERT INTO bulletin_revision_numbered (bulletin_id, feed_id, from_gen, to_gen, title, description, vendor, severity,
    released_at, revised_at, cves, kbs, superseded_by, withdrawn, listed, digest, search)
    SELECT bulletin_id, feed_id, from_gen, to_gen, title, description, vendor, severity, released_at, revised_at, cves,
    kbs, superseded_by, withdrawn, listed, digest, search FROM bulletin_revision ORDER BY bulletin_id, from_gen;
DROP TABLE bulletin_revision;
ALTER TABLE bulletin_revision_numbered RENAME TO bulletin_revision;
CREATE INDEX bulletin_revision_gen ON bulletin_revision (feed_id, from_gen, to_gen);
CREATE INDEX bulletin_revision_end ON bulletin_revision (feed_id, to_gen);
CREATE INDEX bulletin_revision_superseded ON bulletin_revision (feed_id, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX bulletin_revision_revised ON bulletin_revision (revised_at, bulletin_id);
CREATE INDEX bulletin_revision_released ON bulletin_revision (released_at, bulletin_id);
CREATE INDEX bulletin_revision_severity ON bulletin_revision (severity, bulletin_id);

CREATE TABLE update_revision_numbered (
    revision_id    INTEGER NOT NULL PRIMARY KEY,
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
    search         TEXT    NOT NULL,               -- key, title and the bulletin's name in lower case
    UNIQUE (update_id, from_gen)
) STRICT;
-- LOWER knows ASCII only; the next revision of each is folded by the program.
INSERT INTO update_revision_numbered (update_id, feed_id, from_gen, to_gen, bulletin_id, revised_at, title, vendor,
    classification, architecture, version, severity, update_type, withdrawn, listed, superseded_by, size_bytes, files,
    files_digest, digest, search)
    SELECT r.update_id, r.feed_id, r.from_gen, r.to_gen, r.bulletin_id, r.revised_at, r.title, r.vendor,
    r.classification, r.architecture, r.version, r.severity, r.update_type, r.withdrawn, r.listed, r.superseded_by,
    r.size_bytes, r.files, r.files_digest, r.digest,
    LOWER(i.update_key || char(10) || r.title || char(10) || b.name)
    FROM update_revision AS r JOIN software_update AS i ON i.update_id = r.update_id
    JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id ORDER BY r.update_id, r.from_gen;
DROP TABLE update_revision;
ALTER TABLE update_revision_numbered RENAME TO update_revision;
CREATE INDEX update_revision_gen ON update_revision (feed_id, from_gen);
CREATE INDEX update_revision_end ON update_revision (feed_id, to_gen);
CREATE INDEX update_revision_bulletin ON update_revision (bulletin_id);

-- The text indexes know which revisions have which three letters in a row, and nothing else: what they name is looked
-- at again. Triggers keep them equal to the tables in every transaction, whatever adds or removes revisions.
CREATE VIRTUAL TABLE bulletin_search USING fts5 (
    search, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO bulletin_search (rowid, search) SELECT revision_id, search FROM bulletin_revision ORDER BY revision_id;
CREATE TRIGGER bulletin_search_insert AFTER INSERT ON bulletin_revision BEGIN
    INSERT INTO bulletin_search (rowid, search) VALUES (new.revision_id, new.search);
END;
CREATE TRIGGER bulletin_search_delete AFTER DELETE ON bulletin_revision BEGIN
    DELETE FROM bulletin_search WHERE rowid = old.revision_id;
END;
CREATE TRIGGER bulletin_search_update AFTER UPDATE OF revision_id, search ON bulletin_revision BEGIN
    DELETE FROM bulletin_search WHERE rowid = old.revision_id;
    INSERT INTO bulletin_search (rowid, search) VALUES (new.revision_id, new.search);
END;

CREATE VIRTUAL TABLE update_search USING fts5 (
    search, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO update_search (rowid, search) SELECT revision_id, search FROM update_revision ORDER BY revision_id;
CREATE TRIGGER update_search_insert AFTER INSERT ON update_revision BEGIN
    INSERT INTO update_search (rowid, search) VALUES (new.revision_id, new.search);
END;
CREATE TRIGGER update_search_delete AFTER DELETE ON update_revision BEGIN
    DELETE FROM update_search WHERE rowid = old.revision_id;
END;
CREATE TRIGGER update_search_update AFTER UPDATE OF revision_id, search ON update_revision BEGIN
    DELETE FROM update_search WHERE rowid = old.revision_id;
    INSERT INTO update_search (rowid, search) VALUES (new.revision_id, new.search);
END;

-- What lists show, sort and filter by of a bulletin, counted at generations from_gen <= g < to_gen of its feed; written
-- in the transaction that changes what they count. An import counts its own generation before it becomes current.
CREATE TABLE bulletin_count (
    bulletin_id     TEXT    NOT NULL REFERENCES bulletin (bulletin_id),
    feed_id         TEXT    NOT NULL,
    from_gen        INTEGER NOT NULL,
    to_gen          INTEGER,
    updates         INTEGER NOT NULL,              -- not superseded, not withdrawn, with files
    packages        INTEGER NOT NULL,              -- of those, with the revision's content staged
    bad_packages    INTEGER NOT NULL,              -- of its packages, those whose current version is corrupt or missing
    policies        INTEGER NOT NULL,
    oldest_proof_at INTEGER NOT NULL,              -- oldest verification among its staged files; 0: none
    PRIMARY KEY (bulletin_id, from_gen)
) STRICT, WITHOUT ROWID;
INSERT INTO bulletin_count (bulletin_id, feed_id, from_gen, updates, packages, bad_packages, policies, oldest_proof_at)
    SELECT b.bulletin_id, b.feed_id, f.current_generation, b.updates, b.packages, b.bad_packages, b.policies,
    b.oldest_proof_at FROM bulletin AS b JOIN feed AS f ON f.feed_id = b.feed_id WHERE f.current_generation > 0;
CREATE INDEX bulletin_count_gen ON bulletin_count (feed_id, from_gen);
CREATE INDEX bulletin_count_end ON bulletin_count (feed_id, to_gen) WHERE to_gen IS NOT NULL;
CREATE INDEX bulletin_count_updates ON bulletin_count (updates, bulletin_id);
CREATE INDEX bulletin_count_packages ON bulletin_count (packages, bulletin_id);
CREATE INDEX bulletin_count_bad_packages ON bulletin_count (bad_packages, bulletin_id);
CREATE INDEX bulletin_count_policies ON bulletin_count (policies, bulletin_id);
CREATE INDEX bulletin_count_oldest_proof ON bulletin_count (oldest_proof_at, bulletin_id);

DROP INDEX bulletin_updates;
DROP INDEX bulletin_packages;
DROP INDEX bulletin_bad_packages;
DROP INDEX bulletin_policies;
DROP INDEX bulletin_oldest_proof;
ALTER TABLE bulletin DROP COLUMN updates;
ALTER TABLE bulletin DROP COLUMN packages;
ALTER TABLE bulletin DROP COLUMN bad_packages;
ALTER TABLE bulletin DROP COLUMN policies;
ALTER TABLE bulletin DROP COLUMN oldest_proof_at;
