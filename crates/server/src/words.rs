//! Small words that many texts need.

/// A number and its thing: `1 package`, `2 packages`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
