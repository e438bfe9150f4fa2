//! How much of anything a catalogue may hold.

/// Bounds on everything that is parsed. The defaults let every catalogue through that was seen in practice, with room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one archive or compressed file may unpack to, all members together.
    pub unpacked_bytes: u64,
    /// How many times larger than its packed bytes it may become, once it is larger than [`Self::ratio_floor_bytes`].
    pub expansion_ratio: u64,
    /// Below this many unpacked bytes the ratio is not looked at.
    pub ratio_floor_bytes: u64,
    /// Members of one archive.
    pub members: u64,
    /// Entries (updates, advisories) of one catalogue, the rejected ones counted.
    pub entries: u64,
    /// Bytes of one entry (an SDP package, a deb822 stanza, a JSON document of an advisory).
    pub entry_bytes: u64,
    /// Fields of one entry (deb822).
    pub entry_fields: u64,
    /// Elements of one entry (XML).
    pub elements: u64,
    /// Nesting of elements (XML) or values (JSON).
    pub depth: u64,
    /// Attributes of one element, namespace declarations included.
    pub attributes: u64,
    /// Bytes of one text, attribute value, tag or line.
    pub text_bytes: u64,
    /// Bytes of one file that a package names.
    pub payload_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 8 << 30,
            expansion_ratio: 250,
            ratio_floor_bytes: 64 << 20,
            members: 65_535,
            entries: 2_000_000,
            entry_bytes: 8 << 20,
            entry_fields: 4_096,
            elements: 100_000,
            depth: 64,
            attributes: 64,
            text_bytes: 1 << 20,
            payload_bytes: 1 << 40,
        }
    }
}
