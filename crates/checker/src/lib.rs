//! The independent judge of database, disk and manifests
