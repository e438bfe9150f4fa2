//! The files of one package: each once, and no two that some disk would take for one. Linear in their number, which the
//! catalogue chooses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use patchwharf_model::update::PayloadFile;

use super::element::BadPackage;

#[derive(Default)]
pub(super) struct Files {
    found: Vec<PayloadFile>,
    /// The languages of those that came several times; none: neutral.
    languages: BTreeMap<usize, BTreeSet<String>>,
    /// Places by names in lower case.
    by_name: HashMap<String, usize>,
    /// The first whose name has letters outside ASCII, and the first with combining marks among them.
    beyond_ascii: Option<usize>,
    marked: Option<usize>,
}

impl Files {
    /// Takes a file. One that is there already serves the languages of both.
    pub(super) fn add(&mut self, file: PayloadFile) -> Result<(), BadPackage> {
        let name = file.name.as_str();
        let Some(at) = self.collides(name) else {
            let at = self.found.len();
            if !name.is_ascii() {
                self.beyond_ascii.get_or_insert(at);
            }
            if is_marked(name) {
                self.marked.get_or_insert(at);
            }
            self.by_name.insert(name.to_lowercase(), at);
            self.found.push(file);
            return Ok(());
        };
        let known = &self.found[at];
        if known.name != file.name || known.digest != file.digest {
            let reason = format!("its files {:?} and {:?} would be one on some disks", known.name, file.name);
            return Err(BadPackage(reason));
        }
        let held = self.languages.entry(at).or_insert_with(|| known.languages.iter().cloned().collect());
        if held.is_empty() || file.languages.is_empty() {
            held.clear();
        } else {
            held.extend(file.languages);
        }
        Ok(())
    }

    pub(super) fn all(mut self) -> Vec<PayloadFile> {
        for (at, languages) in self.languages {
            self.found[at].languages = languages.into_iter().collect();
        }
        self.found
    }

    /// A file that some file system takes for one of this name: by case, or because one has combining marks that make
    /// it another spelling of letters that the other may have whole.
    fn collides(&self, name: &str) -> Option<usize> {
        let spelled = match (is_marked(name), name.is_ascii()) {
            (true, _) => self.beyond_ascii,
            (false, false) => self.marked,
            (false, true) => None,
        };
        self.by_name.get(&name.to_lowercase()).copied().or(spelled)
    }
}

fn is_marked(name: &str) -> bool {
    name.contains(|c| matches!(c, '\u{300}'..='\u{36f}'))
}
