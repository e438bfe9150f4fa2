//! A thousand random edits of good input: every one is read or refused, none panics, none runs away (row V-16; the
//! targets in `fuzz/` go further).

use patchwharf_feeds::Limits;

use super::{Package, cabinet, catalogue, read_with};
use crate::samples;

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    fn edit(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.below(256) as u8,
                2 => bytes.truncate(at.max(1)),
                3 => {
                    let end = (at + self.below(64)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => {
                    let end = (at + self.below(64)).min(bytes.len());
                    bytes.drain(at..end);
                    if bytes.is_empty() {
                        bytes.push(b'<');
                    }
                }
            }
        }
    }
}

/// An MSZIP cabinet, its checksums taken out so that edits reach the decoder.
fn packed(xml: &str) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    builder.add_folder(cab::CompressionType::MsZip).add_file("c.xml");
    let mut writer = builder.build(std::io::Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        std::io::Write::write_all(&mut file, xml.as_bytes()).unwrap();
    }
    without_checksums(writer.finish().unwrap().into_inner())
}

/// Sets the checksum of every block of the first folder to 0, which means none.
fn without_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]) as usize;
    let mut at = word(&bytes, 36) + (word(&bytes, 38) << 16);
    for _ in 0..word(&bytes, 40) {
        bytes[at..at + 4].fill(0);
        at += 8 + word(&bytes, at + 4);
    }
    bytes
}

#[test]
fn v_10_v_16_a_thousand_edits_of_good_input_neither_panic_nor_run_away() {
    let mut rich = Package::new(1);
    rich.rules = "<sdp:IsInstallable><lar:And><bar:Processor Architecture=\"9\"/><lar:Not><bar:RegSz Key=\"HKEY_LOCAL_MACHINE\" Subkey=\"s\" Value=\"v\" Comparison=\"EqualTo\" Data=\"d\"/></lar:Not></lar:And></sdp:IsInstallable>".to_owned();
    rich.item = "<cmd:CommandLineInstallerData Program=\"p\"><cmd:ReturnCode Code=\"0\" Result=\"Succeeded\"/></cmd:CommandLineInstallerData>".to_owned();
    let document = rich.document();
    let xml = catalogue(&[rich, Package::new(2), Package::new(3)]);
    let mut seeds = vec![
        xml.clone().into_bytes(),
        cabinet(&[("V2/a.sdp", &document), ("update_manifest.json", "{}")]),
        packed(&xml),
    ];
    if let Some(path) = samples::sample("wsusss-wusp/wsusss-update-blob-lzx.cab") {
        let mut bytes = without_checksums(std::fs::read(path).unwrap());
        let name = bytes.windows(4).position(|window| window == b"blob").unwrap();
        bytes[name..name + 4].copy_from_slice(b"b.sdp"[1..].try_into().unwrap());
        bytes[name..name + 4].copy_from_slice(b".sdp");
        seeds.push(bytes);
    }
    let limits = Limits { unpacked_bytes: 64 << 20, ..Limits::default() };
    let mut random = Random(0x5eed);
    let (mut good, mut bad) = (0, 0);
    let rounds = patchwharf_testkit::times(1_000, 100_000);
    for round in 0..rounds {
        let mut bytes = seeds[round % seeds.len()].clone();
        random.edit(&mut bytes);
        let (outcome, result) = read_with(&bytes, &limits);
        assert!(outcome.updates.len() + outcome.rejected.len() < 100);
        if result.is_ok() { good += 1 } else { bad += 1 }
    }
    assert!(good > 50 && bad > 50, "{good} read, {bad} refused: the edits reach little");
    eprintln!("FIGURES: edits of good catalogues: {rounds}, {good} read, {bad} refused, none panicked or ran away");
}
