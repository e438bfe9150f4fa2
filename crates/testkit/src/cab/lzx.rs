//! LZX as a small packer writes it: verbatim blocks of literals and matches, the last offsets used again, fixed code
//! lengths (MS-PATCH "LZX DELTA" 2.2 to 2.6).

use std::collections::HashMap;

/// Position slots of a window of 32 KiB.
const SLOTS: u32 = 30;
/// Symbols of the tree of match lengths.
const LENGTHS: u32 = 249;
/// Lengths of a match.
const SHORTEST: usize = 2;
const LONGEST: usize = 257;
/// How far back a match may begin: the window, without what the repeated offsets take.
const FARTHEST: usize = (1 << 15) - 3;
/// So many bytes must be alike for a match to be looked for.
const ALIKE: usize = 3;

/// The stream of one folder. Trees are told as differences from those of the block before.
#[derive(Clone, Debug)]
pub(super) struct Packer {
    begun: bool,
    /// Everything so far: matches reach back over blocks.
    seen: Vec<u8>,
    /// Where three bytes were seen last.
    places: HashMap<[u8; ALIKE], usize>,
    /// The offsets used last, the latest first.
    recent: [usize; 3],
}

impl Default for Packer {
    fn default() -> Self {
        Self { begun: false, seen: Vec::new(), places: HashMap::new(), recent: [1; 3] }
    }
}

impl Packer {
    /// A verbatim block of these bytes, which end their frame of at most 32 KiB.
    pub(super) fn block(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Bits::default();
        if !self.begun {
            out.put(0, 1); // no translation of x86 calls
        }
        out.put(1, 3);
        out.put(bytes.len() as u32, 24);
        self.trees(&mut out);
        let mut at = self.seen.len();
        self.seen.extend_from_slice(bytes);
        while at < self.seen.len() {
            let taken = match self.longest(at) {
                Some((offset, length)) => {
                    self.tell_match(offset, length, &mut out);
                    length
                }
                None => {
                    main_code(self.seen[at].into(), &mut out);
                    1
                }
            };
            (at..at + taken).for_each(|place| self.remember(place));
            at += taken;
        }
        self.begun = true;
        out.finish()
    }

    /// The lengths of all codes. Of 496 symbols the first 16 have 8 bits and the others 9, of 249 the first 7 have 7 bits
    /// and the others 8: no code is left over.
    fn trees(&self, out: &mut Bits) {
        let told = |length: u32| if self.begun { 0 } else { 17 - length };
        out.tell(&(0..256).map(|symbol| told(main_length(symbol))).collect::<Vec<_>>());
        out.tell(&(256..256 + 8 * SLOTS).map(|symbol| told(main_length(symbol))).collect::<Vec<_>>());
        out.tell(&(0..LENGTHS).map(|symbol| told(if symbol < 7 { 7 } else { 8 })).collect::<Vec<_>>());
    }

    fn remember(&mut self, place: usize) {
        if let Some(key) = self.seen[place..].first_chunk() {
            self.places.insert(*key, place);
        }
    }

    /// How far back and how long what comes next was there before, within this block.
    fn longest(&self, at: usize) -> Option<(usize, usize)> {
        let rest = &self.seen[at..];
        let place = *self.places.get(rest.first_chunk::<ALIKE>()?)?;
        let alike = rest.iter().zip(&self.seen[place..]).take(LONGEST).take_while(|(a, b)| a == b).count();
        (at - place <= FARTHEST && alike >= ALIKE).then_some((at - place, alike))
    }

    fn tell_match(&mut self, offset: usize, length: usize, out: &mut Bits) {
        // The first three stand for the offsets used last.
        let told = match self.recent.iter().position(|recent| *recent == offset) {
            Some(again) => {
                self.recent.swap(0, again);
                again
            }
            None => {
                self.recent = [offset, self.recent[0], self.recent[1]];
                offset + 2
            }
        };
        let (slot, base, extra_bits) = slot(told as u32);
        let beyond = length - SHORTEST;
        main_code(256 + 8 * slot + beyond.min(7) as u32, out);
        if beyond >= 7 {
            length_code((beyond - 7) as u32, out);
        }
        out.put(told as u32 - base, extra_bits);
    }
}

/// The slot of an offset, where the slot begins, and by how many bits an offset is told in it.
fn slot(offset: u32) -> (u32, u32, u32) {
    let mut base = 0;
    for slot in 0..SLOTS {
        let extra_bits = (slot / 2).saturating_sub(1);
        if offset < base + (1 << extra_bits) {
            return (slot, base, extra_bits);
        }
        base += 1 << extra_bits;
    }
    unreachable!("{offset} is beyond the window")
}

fn main_length(symbol: u32) -> u32 {
    if symbol < 16 { 8 } else { 9 }
}

/// Shorter codes first, then by symbol.
fn main_code(symbol: u32, out: &mut Bits) {
    if symbol < 16 { out.put(symbol, 8) } else { out.put(symbol + 16, 9) }
}

fn length_code(symbol: u32, out: &mut Bits) {
    if symbol < 7 { out.put(symbol, 7) } else { out.put(symbol + 7, 8) }
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

    /// The lengths of a tree's codes, by at most two symbols: a tree for these first, in which both have one bit.
    fn tell(&mut self, symbols: &[u32]) {
        let (low, high) = (symbols.iter().min().copied(), symbols.iter().max().copied());
        let (Some(low), Some(high)) = (low, high) else { return };
        // A tree of one symbol is none: a run of zeros, which never comes, is the other.
        let high = if low == high { 18 } else { high };
        for symbol in 0..20 {
            self.put(u32::from(symbol == low || symbol == high), 4);
        }
        symbols.iter().for_each(|symbol| self.put(u32::from(*symbol == high), 1));
    }

    fn finish(mut self) -> Vec<u8> {
        while self.held > 0 {
            self.put(0, 1);
        }
        self.out
    }
}
