//! Catalogues of any size, an update at a time.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

use uuid::Uuid;

use super::{Catalogue, Item, Update};
use crate::payload;

/// The PackageID of the update with this number.
#[must_use]
pub fn update_number(number: u64) -> Uuid {
    Uuid::from_u128(0x0000_5057_0000_4000_8000_0000_0000_0000 | u128::from(number))
}

/// A generator of updates: the same parameters make the same catalogue.
#[derive(Clone, Debug)]
pub struct Many {
    /// How many updates.
    pub updates: u64,
    /// How many of them share a bulletin.
    pub per_bulletin: u64,
    /// Each supersedes its predecessor in steps of this; 0: nothing is superseded.
    pub supersede_step: u64,
    /// Where files are said to lie: `<base>/<name>`.
    pub base_url: String,
}

impl Many {
    /// `updates` updates, four to a bulletin, each tenth superseding the one ten before it.
    #[must_use]
    pub fn new(updates: u64, base_url: &str) -> Self {
        Self { updates, per_bulletin: 4, supersede_step: 10, base_url: base_url.to_owned() }
    }

    /// The update with this number.
    #[must_use]
    pub fn update(&self, number: u64) -> Update {
        let name = format!("update-{number}.exe");
        let bulletin = format!("PW26-{}", number / self.per_bulletin.max(1));
        let mut update = Update::new(number, &bulletin).item(Item {
            size_bytes: 1_000_000 + number,
            sha1: payload::sha1(name.as_bytes()).0,
            sha256: Some(payload::sha256(name.as_bytes()).0),
            url: Some(format!("{}/{name}", self.base_url)),
            languages: Vec::new(),
            name,
        });
        update.title = format!("Security update {number} for Example Suite {}", number % 50);
        update.products = vec![format!("Example Suite {}", number % 50)];
        update.severity = [None, Some("Low"), Some("Moderate"), Some("Important"), Some("Critical")]
            [(number % 5) as usize]
            .map(str::to_owned);
        if self.supersede_step > 0 && number.is_multiple_of(self.supersede_step) && number >= self.supersede_step {
            update = update.supersedes([number - self.supersede_step]);
        }
        update
    }

    /// Writes the catalogue as V1 XML to a file, in constant memory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_v1(&self, file: &Path) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
        Catalogue::write_v1(&mut out, &mut (0..self.updates).map(|number| self.update(number)))?;
        io::Write::flush(&mut out)
    }
}
