-- Whatever lists sort or filter by of a bulletin is in one table, and what they count is in its index that says which rows are
-- current: what its catalogue says of it at that generation, and whether the administrator has it enabled.
ALTER TABLE bulletin_count ADD COLUMN severity BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_count ADD COLUMN released_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_count ADD COLUMN revised_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_count ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_count ADD COLUMN listed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_count ADD COLUMN superseded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_count ADD COLUMN enabled BIGINT NOT NULL DEFAULT 0;
UPDATE bulletin_count SET severity = r.severity, released_at = r.released_at, revised_at = r.revised_at, withdrawn = r.withdrawn,
    listed = r.listed, superseded = CASE WHEN r.superseded_by IS NULL THEN 0 ELSE 1 END, enabled = b.enabled
    FROM bulletin_revision AS r JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id JOIN feed AS f ON f.feed_id = b.feed_id
    WHERE r.bulletin_id = bulletin_count.bulletin_id
    AND r.from_gen <= CASE WHEN bulletin_count.from_gen > f.current_generation THEN bulletin_count.from_gen
    ELSE f.current_generation END AND (r.to_gen IS NULL OR r.to_gen > CASE WHEN bulletin_count.from_gen > f.current_generation
    THEN bulletin_count.from_gen ELSE f.current_generation END);
DROP INDEX bulletin_count_gen;
CREATE INDEX bulletin_count_gen ON bulletin_count (feed_id, from_gen, to_gen, updates, packages, bad_packages, enabled, severity,
    withdrawn, listed, superseded, revised_at, released_at, bulletin_id);
DROP INDEX bulletin_revision_revised;
DROP INDEX bulletin_revision_released;
DROP INDEX bulletin_revision_severity;
CREATE INDEX bulletin_count_revised ON bulletin_count (revised_at, bulletin_id);
CREATE INDEX bulletin_count_released ON bulletin_count (released_at, bulletin_id);
CREATE INDEX bulletin_count_severity ON bulletin_count (severity, bulletin_id);
-- What few changes of the audit trail are.
CREATE INDEX audit_action ON audit (action, audit_id);
-- What went wrong in a job that says much.
CREATE INDEX log_record_job_grave ON log_record ((COALESCE(job_id, '')), number) WHERE job_id IS NOT NULL AND level <= 2;

-- Derived, as `state`: of the version that the package shows; 0, or NULL, where there is none.
ALTER TABLE package ADD COLUMN location_id TEXT;
ALTER TABLE package ADD COLUMN weak BIGINT NOT NULL DEFAULT 0;
ALTER TABLE package ADD COLUMN unproved BIGINT NOT NULL DEFAULT 0;
UPDATE package SET location_id = v.location_id, weak = v.weak, unproved = v.unproved FROM package_version AS v
    WHERE v.package_id = package.package_id AND v.version = package.shown_version;
CREATE INDEX package_location ON package (location_id, state, active, package_id);
CREATE INDEX package_weak ON package (active, package_id) WHERE weak = 1;
CREATE INDEX package_unproved ON package (active, package_id) WHERE unproved = 1;
-- Lists sort by `verified_at`; nothing looks for `proved_at`.
DROP INDEX package_proved;
