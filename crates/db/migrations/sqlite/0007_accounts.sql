-- Who may sign in. Secrets are kept as SHA-256 digests only, passwords as Argon2id hashes.
CREATE TABLE account (
    account_id   TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,          -- lower case
    role         TEXT    NOT NULL,                 -- auditor, operator, administrator
    enabled      INTEGER NOT NULL,
    password     TEXT    NOT NULL DEFAULT '',      -- PHC text; empty: none yet
    created_at   INTEGER NOT NULL,
    signed_in_at INTEGER
) STRICT;

-- Sign-ins that go on.
CREATE TABLE session (
    session_id TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    digest     TEXT    NOT NULL UNIQUE,            -- SHA-256 of the cookie's secret
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    source     TEXT    NOT NULL,                   -- address that it began from
    agent      TEXT    NOT NULL                    -- the program, as it says itself
) STRICT;
CREATE INDEX session_account ON session (account_id);

-- Personal tokens of the API.
CREATE TABLE api_token (
    token_id   TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,                   -- at most this
    digest     TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX api_token_account ON api_token (account_id);

-- Links that set a password, each once.
CREATE TABLE sign_in_link (
    digest     TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    REFERENCES account (account_id) ON DELETE CASCADE, -- none: makes the first administrator
    expires_at INTEGER NOT NULL
) STRICT;

-- Browsers that an account has signed in from: a stranger's attempts do not slow them down.
CREATE TABLE known_device (
    digest     TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    seen_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX known_device_account ON known_device (account_id);
