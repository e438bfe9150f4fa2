//! The checksum of cabinets (MS-CAB 3.1): exclusive or of little-endian words; what is left over counts from its last
//! byte on.

pub(super) fn checksum(bytes: &[u8], seed: u32) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let whole = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    whole ^ rest.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn left_over_bytes_count_from_the_last_one_on() {
        assert_eq!(checksum(&[1, 2, 3, 4], 0), 0x0403_0201);
        assert_eq!(checksum(&[0, 0, 0, 0, 1, 2, 3], 0), 0x0001_0203);
        assert_eq!(checksum(&[1, 2], 0xffff_0000), 0xffff_0102);
    }
}
