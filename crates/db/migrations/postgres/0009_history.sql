-- What the store held now and then: how it grows.
CREATE TABLE store_sample (
    at         BIGINT NOT NULL PRIMARY KEY,
    packages   BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,                    -- each file as often as it is named
    disk_bytes BIGINT NOT NULL                     -- the same data once
);

-- Grave records are few among many: to page through them. With SQLite it is part of log.sql.
CREATE INDEX log_record_grave ON log_record (server, number) WHERE level <= 2;
