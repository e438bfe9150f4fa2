-- Filters and orders of tables that an account has saved under a name.
CREATE TABLE saved_view (
    account_id TEXT   NOT NULL REFERENCES account (account_id) ON DELETE CASCADE,
    place      TEXT   NOT NULL,                    -- bulletins, packages
    name       TEXT   NOT NULL,
    query      TEXT   NOT NULL,                    -- what stands after `?` in the page's address
    saved_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, place, name)
);
