//! LZX without compression: literals only, in the frame of real blocks (MS-PATCH "LZX DELTA" 2.2 to 2.5).

/// Symbols of the main tree for a window of 32 KiB: 256 literals, and 8 for each of 30 position slots.
const MATCHES: u32 = 240;
/// Symbols of the tree of match lengths.
const LENGTHS: u32 = 249;

/// The stream of one folder. Trees are told as differences from those of the block before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Literals {
    begun: bool,
}

impl Literals {
    /// A verbatim block of these bytes, which end their frame of at most 32 KiB.
    pub(super) fn block(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Bits::default();
        if !self.begun {
            out.put(0, 1); // no translation of x86 calls
        }
        out.put(1, 3);
        out.put(bytes.len() as u32, 24);
        // All 256 literals have codes of 8 bits; no match and no length has any.
        let same = if self.begun { 0 } else { 9 };
        out.tree_of_lengths(&[same]);
        (0..256).for_each(|_| out.put(0, 1));
        out.zeros(MATCHES);
        out.zeros(LENGTHS);
        for byte in bytes {
            out.put((*byte).into(), 8);
        }
        self.begun = true;
        out.finish()
    }
}

/// Bits, the highest first, in little-endian words of 16.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    word: u32,
    held: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.word = self.word << 1 | (value >> bit & 1);
            self.held += 1;
            if self.held == 16 {
                self.out.extend((self.word as u16).to_le_bytes());
                (self.word, self.held) = (0, 0);
            }
        }
    }

    /// The tree by which the lengths of another one are told: of these symbols and 18 (a run of zeros), which get one
    /// bit each, the smaller symbol 0.
    fn tree_of_lengths(&mut self, symbols: &[u32]) {
        for symbol in 0..20 {
            self.put(u32::from(symbol == 18 || symbols.contains(&symbol)), 4);
        }
    }

    /// A tree of which no symbol has a code.
    fn zeros(&mut self, count: u32) {
        self.tree_of_lengths(&[0]);
        let mut left = count;
        while left > 0 {
            // A run has 20 to 51 zeros; what would be too short for one of its own is kept back for the last.
            let run = if left <= 51 { left } else { (left - 20).min(51) };
            self.put(1, 1);
            self.put(run - 20, 5);
            left -= run;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        while self.held > 0 {
            self.put(0, 1);
        }
        self.out
    }
}
