//! The resource database on SQLite and PostgreSQL
