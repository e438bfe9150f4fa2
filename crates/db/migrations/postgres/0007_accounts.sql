-- Who may sign in. Secrets are kept as SHA-256 digests only, passwords as Argon2id hashes.
CREATE TABLE account (
    account_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL UNIQUE,          -- lower case
    role         TEXT COLLATE "C" NOT NULL,                 -- auditor, operator, administrator
    enabled      BIGINT NOT NULL,
    password     TEXT COLLATE "C" NOT NULL DEFAULT '',      -- PHC text; empty: none yet
    created_at   BIGINT NOT NULL,
    signed_in_at BIGINT
);

-- Sign-ins that go on.
CREATE TABLE session (
    session_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    digest     TEXT COLLATE "C" NOT NULL UNIQUE,            -- SHA-256 of the cookie's secret
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    source     TEXT COLLATE "C" NOT NULL,                   -- address that it began from
    agent      TEXT COLLATE "C" NOT NULL                    -- the program, as it says itself
);
CREATE INDEX session_account ON session (account_id);

-- Personal tokens of the API.
CREATE TABLE api_token (
    token_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    name       TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" NOT NULL,                   -- at most this
    digest     TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX api_token_account ON api_token (account_id);

-- Links that set a password, each once.
CREATE TABLE sign_in_link (
    digest     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" REFERENCES account (account_id) ON DELETE CASCADE, -- none: makes the first administrator
    expires_at BIGINT NOT NULL
);

-- Browsers that an account has signed in from: a stranger's attempts do not slow them down.
CREATE TABLE known_device (
    digest     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX known_device_account ON known_device (account_id);
