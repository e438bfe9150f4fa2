//! A server in a temporary folder, a vendor that lies, catalogues and repositories made on the spot
