-- When a file that is bad was looked at last: its proof, which says so of a good one, is gone.
ALTER TABLE package_file ADD COLUMN looked_at INTEGER;
UPDATE package_file SET looked_at = (SELECT v.since FROM package_version AS v
    WHERE v.package_id = package_file.package_id AND v.version = package_file.version)
    WHERE state IN ('corrupt', 'missing');

-- Derived, as `proved_at`: the oldest look at a file of what the package shows, however it ended; 0: one was never looked at.
ALTER TABLE package ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0;
UPDATE package SET verified_at = proved_at WHERE proved_at > 0;
UPDATE package SET verified_at = (SELECT CASE WHEN COUNT(*) = COUNT(COALESCE(r.verified_at, f.looked_at))
    THEN COALESCE(MIN(COALESCE(r.verified_at, f.looked_at)), 0) ELSE 0 END
    FROM package_version AS v JOIN package_file AS f ON f.package_id = v.package_id AND f.version = v.version
    LEFT JOIN proof AS r ON r.location_id = v.location_id AND r.dev = f.dev AND r.inode = f.inode
    WHERE v.package_id = package.package_id AND v.version = package.shown_version)
    WHERE proved_at = 0 AND package_id IN (SELECT package_id FROM package_file WHERE looked_at IS NOT NULL);
CREATE INDEX package_verified ON package (verified_at, package_id);
