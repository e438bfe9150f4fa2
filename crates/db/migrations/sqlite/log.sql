-- log.db: log records, apart from the resource database. Numbered per server by its one writer.
CREATE TABLE IF NOT EXISTS log_record (
    server      TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    level       INTEGER NOT NULL,                  -- 1 error .. 5 trace
    target      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    job_id      TEXT,
    package_id  TEXT,
    bulletin_id TEXT,
    fields      TEXT    NOT NULL,
    PRIMARY KEY (server, number)
) STRICT;
CREATE INDEX IF NOT EXISTS log_record_at ON log_record (at);
CREATE INDEX IF NOT EXISTS log_record_job ON log_record (job_id, number) WHERE job_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS log_record_package ON log_record (package_id, number) WHERE package_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS log_record_bulletin ON log_record (bulletin_id, number) WHERE bulletin_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS log_record_level ON log_record (level, at) WHERE level <= 2;
