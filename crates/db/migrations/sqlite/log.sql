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

-- Which records have which three letters in a row, in their message and its fields as they are shown: as in the text indexes
-- of the resource database. Records of a file from before it are taken in after the start, the newest first.
DROP TRIGGER IF EXISTS log_search_insert;
DROP TRIGGER IF EXISTS log_search_delete;
DROP TABLE IF EXISTS log_search;
CREATE VIRTUAL TABLE IF NOT EXISTS log_text USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER IF NOT EXISTS log_text_insert AFTER INSERT ON log_record BEGIN
    INSERT INTO log_text (rowid, text) VALUES (new.rowid, LOWER(new.message || ' ' || REPLACE(REPLACE(REPLACE(REPLACE(
        CASE WHEN LENGTH(new.fields) < 5 THEN '' ELSE SUBSTR(new.fields, 3, LENGTH(new.fields) - 4) END,
        '":"', '='), '","', ' '), '\"', '"'), '\\', '\')));
END;
CREATE TRIGGER IF NOT EXISTS log_text_delete AFTER DELETE ON log_record
    WHEN EXISTS (SELECT 1 FROM log_text_docsize WHERE id = old.rowid) BEGIN
    DELETE FROM log_text WHERE rowid = old.rowid;
END;
CREATE INDEX IF NOT EXISTS log_record_job_grave ON log_record ((COALESCE(job_id, '')), number) WHERE job_id IS NOT NULL AND level <= 2;
CREATE INDEX IF NOT EXISTS log_record_grave ON log_record (server, number) WHERE level <= 2;
