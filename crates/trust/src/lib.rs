//! Digests, the server's signing key, and OpenPGP checks
