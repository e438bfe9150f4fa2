-- 1: rows that were made again from manifests on disk, and neither a feed nor a signature that is trusted names their
-- digests yet. Such a version is neither served nor offered.
ALTER TABLE package_version ADD COLUMN unproved BIGINT NOT NULL DEFAULT 0;
CREATE INDEX package_version_unproved ON package_version (package_id, version) WHERE unproved = 1;
