//! apt archives: signature first, then `Release`, then its indexes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::Utf8Path;
use patchwharf_feeds::{
    FeedError, Limits, Sink,
    advisories::Advisories,
    apt::{self, Catalogue},
};
use patchwharf_trust::{
    digest::{FileHasher, hash_reader},
    openpgp::{Keyring, MAX_TEXT_BYTES, Verified, verify_cleartext, verify_detached},
};

use super::{
    AptIndex, AptRelease, IndexForm, Release,
    run::{Refusal, open},
};

/// An archive, fetched.
pub(super) struct Archive<'a> {
    pub(super) release: &'a AptRelease,
    pub(super) base_url: &'a str,
    pub(super) indexes: &'a [AptIndex],
    pub(super) advisories: Option<&'a Utf8Path>,
}

pub(super) fn release(wanted: &AptRelease, limits: &Limits) -> Result<Release, Refusal> {
    let (release, _) = believe(wanted, limits)?;
    let mut indexes = Vec::new();
    for forms in forms(wanted, &release)? {
        indexes.push(
            forms
                .into_iter()
                .map(|form| IndexForm {
                    path: form.path,
                    by_hash: form.by_hash,
                    size_bytes: form.size_bytes,
                    sha256: form.sha256,
                })
                .collect(),
        );
    }
    Ok(Release { date: release.date, valid_until: release.valid_until, indexes })
}

pub(super) fn read(archive: &Archive<'_>, limits: &Limits, sink: Sink<'_>) -> Result<(), Refusal> {
    let (release, verified) = believe(archive.release, limits)?;
    let forms: Vec<apt::Index> = forms(archive.release, &release)?.into_iter().flatten().collect();
    let mut catalogue = Catalogue::new(&release, archive.base_url, limits)?;
    for AptIndex { path, file } in archive.indexes {
        let form = forms.iter().find(|form| form.path == *path).ok_or_else(|| FeedError::Unsupported {
            what: path.clone(),
            reason: "the signed Release does not name it; import again".to_owned(),
        })?;
        let failed = |error| FeedError::from_io(path, 0, error);
        let found = hash_reader(open(path, file)?, FileHasher::new()).map_err(failed)?;
        form.check(found.size_bytes, found.sha256)?;
        catalogue.read_index(path, open(path, file)?, form.compression)?;
    }
    let advisories = match archive.advisories {
        None => None,
        Some(file) => {
            let name = file.file_name().unwrap_or("advisories");
            Some(Advisories::read(name, open(name, file)?, &release.name(), limits)?)
        }
    };
    catalogue.write(advisories.as_ref(), &verified.signed_by, sink)?;
    Ok(())
}

/// The way out when a publisher has changed its keys.
const NEW_KEYS: &str = "; if the publisher has new keys and you trust them: `patchwharf feed set FEED --keyring FILE`, \
     with `--key FINGERPRINT` to name the ones that count";

/// The `Release` text, its signature, suite and dates checked.
fn believe(wanted: &AptRelease, limits: &Limits) -> Result<(apt::Release, Verified), Refusal> {
    let refuse = |code: &str, message: String| Refusal { code: code.to_owned(), message };
    let keyring = STANDARD.decode(&wanted.keyring).map_err(|error| {
        refuse("keyring", format!("the feed's keyring is not base64 ({error}); give it again with `feed set`"))
    })?;
    let keyring = Keyring::read(&keyring)
        .map_err(|error| refuse(error.code(), format!("the feed's keyring cannot be used: {error}")))?;
    let name = if wanted.signature.is_some() { "Release" } else { "InRelease" };
    let text = small(name, &wanted.file)?;
    let verified = match &wanted.signature {
        None => verify_cleartext(&keyring, &text, wanted.now),
        Some(signature) => verify_detached(&keyring, &text, &small("Release.gpg", signature)?, wanted.now),
    };
    let verified = verified.map_err(|error| {
        let hint = if error.code().starts_with("key-") { NEW_KEYS } else { "" };
        refuse(error.code(), format!("{name} is refused: {error}{hint}"))
    })?;
    let pinned = |signer: &String| wanted.keys.iter().any(|key| key.eq_ignore_ascii_case(signer));
    if !wanted.keys.is_empty() && !verified.signed_by.iter().any(pinned) {
        let signers = verified.signed_by.join(", ");
        return Err(refuse(
            "signature-other-key",
            format!("{name} is refused: it is signed by {signers}, none of which the feed's keys name{NEW_KEYS}"),
        ));
    }
    let release = apt::Release::read(name, &verified.text, limits)?;
    release.must_be(&wanted.suite)?;
    release.believe(wanted.now, wanted.held)?;
    Ok((release, verified))
}

fn forms(wanted: &AptRelease, release: &apt::Release) -> Result<Vec<Vec<apt::Index>>, FeedError> {
    let pairs = wanted.components.iter().flat_map(|component| {
        wanted.architectures.iter().map(move |architecture| (component.as_str(), architecture.as_str()))
    });
    pairs.map(|(component, architecture)| release.indexes(component, architecture)).collect()
}

fn small(name: &str, file: &Utf8Path) -> Result<Vec<u8>, FeedError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let failed = |error| FeedError::from_io(name, 0, error);
    open(name, file)?.take(MAX_TEXT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
