-- What was last told of each kind of trouble.
CREATE TABLE notification_kind (
    kind    TEXT    NOT NULL PRIMARY KEY,          -- packages, jobs, feeds, space ...
    bad     INTEGER NOT NULL,                      -- 1: not well when it was last looked at
    since   INTEGER NOT NULL,                      -- since when it is so
    told_at INTEGER NOT NULL,                      -- the last message; 0: none
    told    TEXT    NOT NULL,                      -- digest of what that message said; empty: of nothing bad
    seen    TEXT    NOT NULL                       -- jobs: JSON, up to where failures were told
) STRICT;

-- Messages: one row for each message and channel. They are sent by whichever server claims them.
CREATE TABLE notification (
    notification_id TEXT    NOT NULL PRIMARY KEY,
    kind            TEXT    NOT NULL,
    channel         TEXT    NOT NULL,              -- mail, webhook
    subject         TEXT    NOT NULL,
    message         TEXT    NOT NULL,              -- JSON
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_try_at     INTEGER,                       -- none: sent, or given up
    sent_at         INTEGER,
    last_error      TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX notification_due ON notification (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notification_created ON notification (created_at, notification_id);

-- Free space now and then, for a forecast.
CREATE TABLE space_sample (
    place      TEXT    NOT NULL,                   -- location <id>, data <instance>
    at         INTEGER NOT NULL,
    free_bytes INTEGER NOT NULL,
    PRIMARY KEY (place, at)
) STRICT, WITHOUT ROWID;

-- A job that names files of one server runs on no other of those that share the database.
ALTER TABLE job ADD COLUMN only_on TEXT;
