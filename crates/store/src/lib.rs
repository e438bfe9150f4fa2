//! Package folders on disk: place, verify, quarantine, delete, reconcile
