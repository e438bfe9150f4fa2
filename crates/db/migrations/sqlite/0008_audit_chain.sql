-- Each change names the one before it by its digest, so that none can be altered or left out unseen. Changes from before
-- this have none.
ALTER TABLE audit ADD COLUMN digest TEXT;

-- Where the chain ends, and where what retention has cut from it ended. One row.
CREATE TABLE audit_head (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    audit_id   INTEGER NOT NULL,
    digest     TEXT NOT NULL,                 -- of the newest change; zeros: there is none
    cut_id     INTEGER NOT NULL,                     -- the chain begins after this
    cut_digest TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (one, audit_id, digest, cut_id, cut_digest)
    SELECT 1, COALESCE(MAX(audit_id), 0), '0000000000000000000000000000000000000000000000000000000000000000',
    COALESCE(MAX(audit_id), 0), '0000000000000000000000000000000000000000000000000000000000000000' FROM audit;

-- Ends of the chain that a server has signed.
CREATE TABLE audit_seal (
    audit_id  INTEGER NOT NULL PRIMARY KEY,
    digest    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    key       TEXT NOT NULL,                  -- public key of the server
    signature TEXT NOT NULL
) STRICT;
