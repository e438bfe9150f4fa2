-- What the store held now and then: how it grows.
CREATE TABLE store_sample (
    at         INTEGER NOT NULL PRIMARY KEY,
    packages   INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,                   -- each file as often as it is named
    disk_bytes INTEGER NOT NULL                    -- the same data once
) STRICT;
