-- What was last told of each kind of trouble.
CREATE TABLE notification_kind (
    kind    TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- packages, jobs, feeds, space ...
    bad     BIGINT NOT NULL,                       -- 1: not well when it was last looked at
    since   BIGINT NOT NULL,                       -- since when it is so
    told_at BIGINT NOT NULL,                       -- the last message; 0: none
    told    TEXT COLLATE "C" NOT NULL,             -- digest of what that message said; empty: of nothing bad
    seen    TEXT COLLATE "C" NOT NULL              -- jobs: JSON, up to where failures were told
);

-- Messages: one row for each message and channel. They are sent by whichever server claims them.
CREATE TABLE notification (
    notification_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind            TEXT COLLATE "C" NOT NULL,
    channel         TEXT COLLATE "C" NOT NULL,     -- mail, webhook
    subject         TEXT COLLATE "C" NOT NULL,
    message         TEXT COLLATE "C" NOT NULL,     -- JSON
    created_at      BIGINT NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_try_at     BIGINT,                        -- none: sent, or given up
    sent_at         BIGINT,
    last_error      TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX notification_due ON notification (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notification_created ON notification (created_at, notification_id);

-- Free space now and then, for a forecast.
CREATE TABLE space_sample (
    place      TEXT COLLATE "C" NOT NULL,          -- location <id>, data <instance>
    at         BIGINT NOT NULL,
    free_bytes BIGINT NOT NULL,
    PRIMARY KEY (place, at)
);

-- A job that names files of one server runs on no other of those that share the database.
ALTER TABLE job ADD COLUMN only_on TEXT COLLATE "C";
