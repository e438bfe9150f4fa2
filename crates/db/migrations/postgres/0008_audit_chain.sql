-- Each change names the one before it by its digest, so that none can be altered or left out unseen. Changes from before
-- this have none.
ALTER TABLE audit ADD COLUMN digest TEXT COLLATE "C";
-- The chain counts by itself.
ALTER TABLE audit ALTER COLUMN audit_id DROP IDENTITY;

-- Where the chain ends, and where what retention has cut from it ended. One row.
CREATE TABLE audit_head (
    one        BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    audit_id   BIGINT NOT NULL,
    digest     TEXT COLLATE "C" NOT NULL,                 -- of the newest change; zeros: there is none
    cut_id     BIGINT NOT NULL,                     -- the chain begins after this
    cut_digest TEXT COLLATE "C" NOT NULL
);
INSERT INTO audit_head (one, audit_id, digest, cut_id, cut_digest)
    SELECT 1, COALESCE(MAX(audit_id), 0), '0000000000000000000000000000000000000000000000000000000000000000',
    COALESCE(MAX(audit_id), 0), '0000000000000000000000000000000000000000000000000000000000000000' FROM audit;

-- Ends of the chain that a server has signed.
CREATE TABLE audit_seal (
    audit_id  BIGINT NOT NULL PRIMARY KEY,
    digest    TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,
    key       TEXT COLLATE "C" NOT NULL,                  -- public key of the server
    signature TEXT COLLATE "C" NOT NULL
);
