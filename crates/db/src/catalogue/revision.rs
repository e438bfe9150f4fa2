//! Rows that are valid for a range of generations.

use serde::Serialize;

use crate::{
    Result, Write,
    sql::{IntoValue, Value},
};

/// A row of more columns than serde's tuples have: the parts of a triple, one after the other.
pub(super) struct Flat<'a, T>(pub(super) &'a T);

impl<T: Serialize> Serialize for Flat<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let parts = serde_json::to_value(self.0).map_err(serde::ser::Error::custom)?;
        let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
        serializer.collect_seq(parts.iter().filter_map(serde_json::Value::as_array).flatten())
    }
}

pub(super) async fn end_revisions(
    w: &mut Write<'_>,
    what: &'static str,
    statements: [&'static str; 2],
    generation: i64,
    batch: Value,
) -> Result<()> {
    for statement in statements {
        w.run(what, statement, vec![generation.into_value(), batch.clone()]).await?;
    }
    Ok(())
}
