use std::io::Write;

use super::*;

const SECTOR: usize = 512;

/// A log, written by hand.
#[derive(Default)]
struct Writer {
    count: u64,
    bytes: Vec<u8>,
}

impl Writer {
    fn entry(mut self, sector: u64, sectors: u64, flags: u64, data: &[u8]) -> Self {
        self.count += 1;
        let marked = if flags & MARK != 0 { data.len() as u64 } else { 0 };
        for word in [sector, sectors, flags, marked] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        self
    }

    fn write(self, sector: u64, fill: u8) -> Self {
        self.entry(sector, 1, 0, &[fill; SECTOR])
    }

    fn flush(self) -> Self {
        self.entry(0, 0, FLUSH, &[])
    }

    fn file(self) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut first: Vec<u8> = [MAGIC, VERSION, self.count].iter().flat_map(|word| word.to_le_bytes()).collect();
        first.extend((SECTOR as u32).to_le_bytes());
        first.resize(SECTOR, 0);
        file.write_all(&first).unwrap();
        file.write_all(&self.bytes).unwrap();
        file
    }
}

/// What the first byte of each of four sectors is after a cut.
fn disk(log: &WriteLog, position: u64, mut unflushed: Unflushed<'_>) -> [u8; 4] {
    let file = tempfile::tempfile().unwrap();
    file.set_len(4 * SECTOR as u64).unwrap();
    log.replay(&file, position, &mut unflushed).unwrap();
    std::array::from_fn(|sector| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, (sector * SECTOR) as u64).unwrap();
        byte[0]
    })
}

#[test]
fn what_a_flush_came_after_stays_and_the_rest_may_go() {
    let file = Writer::default()
        .write(0, 1)
        .flush()
        .flush()
        .entry(0, 0, MARK, b"a note")
        .write(1, 2)
        .entry(2, 1, FUA, &[3; SECTOR])
        .entry(0, 1, DISCARD, &[])
        .flush()
        .write(3, 4)
        .file();
    let log = WriteLog::open(file.path()).unwrap();
    let [first, second, end] = log.flushes()[..] else { panic!("{:?}", log.flushes()) };
    assert_eq!(disk(&log, 0, Unflushed::Kept), [0; 4]);
    assert_eq!(disk(&log, first, Unflushed::Lost), [0; 4], "nothing is durable before the first flush");
    assert_eq!(disk(&log, first, Unflushed::Kept), [1, 0, 0, 0]);
    assert_eq!(disk(&log, second, Unflushed::Lost), [1, 0, 3, 0], "a forced write needs no flush");
    assert_eq!(disk(&log, second, Unflushed::Kept), [1, 2, 3, 0]);
    assert_eq!(disk(&log, end, Unflushed::Lost), [1, 2, 3, 0]);
    assert_eq!(disk(&log, end, Unflushed::Kept), [1, 2, 3, 4]);

    let mut chance = Chance::new("unflushed writes");
    let seen: std::collections::BTreeSet<_> =
        (0..200).map(|_| disk(&log, second, Unflushed::Some(&mut chance))).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [[1, 0, 3, 0], [1, 2, 3, 0]]);
}

#[test]
fn large_writes_can_be_torn_between_pieces_but_not_within() {
    let sectors = 2 * (PIECE / SECTOR) as u64;
    let file = Writer::default().entry(0, sectors, 0, &[7; 2 * PIECE]).file();
    let log = WriteLog::open(file.path()).unwrap();
    let mut chance = Chance::new("torn writes");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let disk = tempfile::tempfile().unwrap();
        disk.set_len(2 * PIECE as u64).unwrap();
        log.replay(&disk, log.flushes()[0], &mut Unflushed::Some(&mut chance)).unwrap();
        let mut bytes = vec![0; 2 * PIECE];
        disk.read_exact_at(&mut bytes, 0).unwrap();
        let pieces: Vec<u8> = bytes.chunks(PIECE).map(|piece| piece[0]).collect();
        assert!(bytes.chunks(PIECE).all(|piece| piece.iter().all(|byte| *byte == piece[0])));
        seen.insert(pieces);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [[0, 0], [0, 7], [7, 0], [7, 7]]);
}

#[test]
fn what_is_no_whole_log_is_refused() {
    let whole = Writer::default().write(0, 1).flush();
    let length = SECTOR as u64 + whole.bytes.len() as u64;
    let file = whole.file();
    for cut in [10, SECTOR as u64 + 1, length - 1, length - SECTOR as u64] {
        file.as_file().set_len(cut).unwrap();
        assert!(WriteLog::open(file.path()).is_err(), "a log of {cut} bytes of {length}");
    }
    let other = tempfile::NamedTempFile::new().unwrap();
    other.as_file().write_all_at(&[1; 4096], 0).unwrap();
    assert!(WriteLog::open(other.path()).unwrap_err().to_string().contains("no write log"));
}
