-- Texts are found by an index of trigrams, and what a bulletin's lists count is valid for generations, as all else that
-- an import writes (docs/decisions/0013). The index is made when the database is opened: it needs the extension pg_trgm,
-- and a server that cannot have it works without.

-- The number of a revision is what the text index of the twin refers to.
ALTER TABLE bulletin_revision ADD COLUMN revision_id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY;
DROP INDEX bulletin_revision_gen;
CREATE INDEX bulletin_revision_gen ON bulletin_revision (feed_id, from_gen, to_gen);

ALTER TABLE update_revision ADD COLUMN revision_id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY;
ALTER TABLE update_revision ADD COLUMN search TEXT COLLATE "C";            -- key, title and the bulletin's name in lower case
-- LOWER knows ASCII only in this collation; the next revision of each is folded by the program.
UPDATE update_revision SET search = LOWER(i.update_key || chr(10) || update_revision.title || chr(10) || b.name)
    FROM software_update AS i, bulletin AS b
    WHERE i.update_id = update_revision.update_id AND b.bulletin_id = update_revision.bulletin_id;
ALTER TABLE update_revision ALTER COLUMN search SET NOT NULL;

-- What lists show, sort and filter by of a bulletin, counted at generations from_gen <= g < to_gen of its feed; written
-- in the transaction that changes what they count. An import counts its own generation before it becomes current.
CREATE TABLE bulletin_count (
    bulletin_id     TEXT COLLATE "C" NOT NULL REFERENCES bulletin (bulletin_id),
    feed_id         TEXT COLLATE "C" NOT NULL,
    from_gen        BIGINT NOT NULL,
    to_gen          BIGINT,
    updates         BIGINT NOT NULL,              -- not superseded, not withdrawn, with files
    packages        BIGINT NOT NULL,              -- of those, with the revision's content staged
    bad_packages    BIGINT NOT NULL,              -- of its packages, those whose current version is corrupt or missing
    policies        BIGINT NOT NULL,
    oldest_proof_at BIGINT NOT NULL,              -- oldest verification among its staged files; 0: none
    PRIMARY KEY (bulletin_id, from_gen)
);
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

ALTER TABLE bulletin DROP COLUMN updates;
ALTER TABLE bulletin DROP COLUMN packages;
ALTER TABLE bulletin DROP COLUMN bad_packages;
ALTER TABLE bulletin DROP COLUMN policies;
ALTER TABLE bulletin DROP COLUMN oldest_proof_at;
