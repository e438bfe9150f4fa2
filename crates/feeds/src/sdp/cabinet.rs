//! Catalogues in cabinets.

use std::{
    collections::{BTreeMap, HashSet},
    io::Read,
};

use super::{document::Document, frames::Frames};
use crate::{
    FeedError, Limits,
    cab::{Cabinet, Member},
};

/// The manifest of V2 has a line of some 80 bytes for each package, and a cabinet 65,535 members at most.
const MOST_MANIFEST_BYTES: u64 = 8 << 20;

/// Reads all `.xml` and `.sdp` members in their order and passes over others.
pub(super) fn read<R: Read>(name: &str, input: R, limits: &Limits, frames: &mut Frames<'_>) -> Result<(), FeedError> {
    let mut cabinet = Cabinet::open(name, input, limits)?;
    let mut documents = 0_u64;
    let mut seen = HashSet::new();
    let mut manifest = None;
    while let Some(mut member) = cabinet.next_member()? {
        let path = member.entry().name.clone();
        let lower = path.to_ascii_lowercase();
        let what = format!("{name}: {path}");
        if lower.ends_with(".sdp") {
            documents += 1;
            seen.extend(single(&what, path, &mut member, limits, frames)?);
        } else if lower.ends_with("update_manifest.json") {
            let bytes = content(&what, &mut member, MOST_MANIFEST_BYTES)?;
            match bytes.map(|bytes| serde_json::from_slice::<BTreeMap<String, String>>(&bytes)) {
                Some(Ok(listed)) => manifest = Some((path, listed)),
                Some(Err(error)) => {
                    frames.rejected(path, format!("it is not a list of packages and dates: {error}"))?
                }
                None => frames.rejected(path, format!("it is larger than {MOST_MANIFEST_BYTES} bytes"))?,
            }
        } else if lower.ends_with(".xml") {
            let document = Document::open(&what, member, limits)?;
            if document.is_catalogue() || documents == 0 {
                documents += 1;
                document.packages(&mut |package| frames.package(&what, &package))?;
            }
        }
    }
    if documents == 0 {
        let reason = "it holds neither a catalogue (.xml) nor packages (.sdp)".to_owned();
        return Err(FeedError::Malformed { what: name.to_owned(), offset: 0, reason });
    }
    if let Some((path, listed)) = manifest {
        let missing: Vec<String> = listed.into_keys().filter(|id| !seen.contains(&id.to_ascii_lowercase())).collect();
        if let Some(first) = missing.first() {
            let reason = format!("it lists {} packages that are not in the cabinet, {first} among them", missing.len());
            frames.rejected(path, reason)?;
        }
    }
    Ok(())
}

/// A document of its own: if it is broken, only it is.
fn single<R: Read>(
    what: &str,
    path: String,
    member: &mut Member<'_, R>,
    limits: &Limits,
    frames: &mut Frames<'_>,
) -> Result<Option<String>, FeedError> {
    let Some(bytes) = content(what, member, limits.entry_bytes)? else {
        frames.rejected(path, format!("it is larger than {} bytes", limits.entry_bytes))?;
        return Ok(None);
    };
    let mut key = None;
    let read = Document::open(what, &bytes[..], limits).and_then(|document| {
        document.packages(&mut |package| {
            key = frames.package(what, &package)?;
            Ok(None)
        })
    });
    match read {
        Ok(()) => Ok(key),
        Err(stopped @ FeedError::Sink(_)) => Err(stopped),
        Err(broken) => frames.rejected(path, broken.to_string()).map(|()| None),
    }
}

fn content<R: Read>(what: &str, member: &mut Member<'_, R>, most: u64) -> Result<Option<Vec<u8>>, FeedError> {
    if member.entry().size_bytes > most {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    member.read_to_end(&mut bytes).map_err(|error| FeedError::from_io(what, 0, error))?;
    Ok(Some(bytes))
}
