//! Batches of a list, bounded by count and by bytes: what a pause has to wait for.

/// Cuts a list into batches, never empty, that are full at so many things or so many bytes.
pub(crate) fn batches<T>(
    things: impl IntoIterator<Item = T>,
    (count, bytes): (usize, u64),
    size_bytes: impl Fn(&T) -> u64,
) -> Vec<Vec<T>> {
    let (mut batches, mut batch, mut size) = (Vec::new(), Vec::new(), 0_u64);
    for thing in things {
        size = size.saturating_add(size_bytes(&thing));
        batch.push(thing);
        if batch.len() >= count || size >= bytes {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes_and_nothing_is_lost() {
        assert_eq!(batches([1, 1, 1, 1, 1], (2, 100), |n| *n), [vec![1, 1], vec![1, 1], vec![1]]);
        assert_eq!(batches([60, 60, 1, 200, 1], (9, 100), |n| *n), [vec![60, 60], vec![1, 200], vec![1]]);
        assert!(batches(Vec::<u64>::new(), (2, 100), |n| *n).is_empty());
    }
}
