//! Cabinet files, read in one pass.
