-- Columns of the Patch Remediation Center that could not be sorted: what an administrator calls a bulletin, and how much of it is
-- on disk (damaged, nothing, a part, all), in the words of the statements that sort.
CREATE INDEX bulletin_custom_severity ON bulletin ((COALESCE(custom_severity, '')), bulletin_id);
CREATE INDEX bulletin_count_downloaded ON bulletin_count (
    (CASE WHEN bad_packages > 0 THEN 0 WHEN packages = 0 THEN 1 WHEN packages < updates THEN 2 ELSE 3 END), bulletin_id);
