//! What has to be fetched of a feed, and the order for the parser.

use patchwharf_model::{
    Timestamp,
    api::{AptSource, FeedConfig, FeedSource},
};

use super::{
    Break, dates,
    documents::{Documents, Got, Place, is_missing},
    fingerprint::{Fingerprint, Seen},
    folder::Folder,
    program,
};
use crate::{
    fetch::Pin,
    jobs::JobContext,
    operations::OperationError,
    parse_feed::{AptIndex, AptRelease, IndexForm, ParseRequest, Parser, Release},
};

const MOST_CATALOGUE_BYTES: u64 = 4 << 30;
const MOST_RELEASE_BYTES: u64 = 64 << 20;
const MOST_SIGNATURE_BYTES: u64 = 512 << 10;
const MOST_ADVISORIES_BYTES: u64 = 2 << 30;

/// What came of fetching.
#[derive(Debug)]
pub(super) enum Sourced {
    /// Nothing changed since the last import.
    Unchanged,
    /// Everything that the parser needs is there.
    Ready { request: Box<ParseRequest>, fingerprint: Fingerprint },
}

/// Fetches a feed's documents. `held` is the date of the last import, `before` what its documents were.
pub(super) async fn fetch(
    ctx: &JobContext,
    config: &FeedConfig,
    held: Option<Timestamp>,
    before: Option<&Fingerprint>,
    folder: &Folder,
) -> Result<Sourced, Break> {
    let documents = Documents { ctx, pin: pin(config)? };
    match &config.source {
        FeedSource::Sdp(source) => sdp(&documents, &source.url, before, folder).await,
        FeedSource::Apt(source) => {
            Apt { ctx, documents, source, held, before, folder, place: Place::parse(&source.url)? }.fetch().await
        }
    }
}

/// The authorities that the feed trusts; none: those of the machine.
fn pin(config: &FeedConfig) -> Result<Option<Pin>, OperationError> {
    let parsed = config.ca.as_deref().map(Pin::parse).transpose();
    parsed.map_err(|error| {
        let text = "the feed's certificate authorities cannot be read; give them again with `feed set --ca`";
        OperationError::new("feed-config", text).because(error)
    })
}

async fn sdp(
    documents: &Documents<'_>,
    url: &str,
    before: Option<&Fingerprint>,
    folder: &Folder,
) -> Result<Sourced, Break> {
    let place = Place::parse(url)?;
    let seen = before.and_then(|before| before.get("catalogue"));
    let got = documents.get(&place, seen, MOST_CATALOGUE_BYTES, &folder.file("catalogue")).await?;
    let name = url.rsplit(['/', '\\']).next().unwrap_or(url).split(['?', '#']).next().unwrap_or_default().to_owned();
    let mut fingerprint = Fingerprint::default();
    fingerprint.set("catalogue", got.seen);
    match got.file {
        Some(file) if !got.unchanged => {
            let request = Box::new(ParseRequest::Sdp { name, file });
            Ok(Sourced::Ready { request, fingerprint })
        }
        _ => Ok(Sourced::Unchanged),
    }
}

struct Apt<'a> {
    ctx: &'a JobContext,
    documents: Documents<'a>,
    source: &'a AptSource,
    held: Option<Timestamp>,
    before: Option<&'a Fingerprint>,
    folder: &'a Folder,
    place: Place,
}

impl Apt<'_> {
    async fn fetch(&self) -> Result<Sourced, Break> {
        let seen = |role: &str| self.before.and_then(|before| before.get(role));
        let (mut release, mut signature) = self.release(seen("release"), seen("signature")).await?;
        let mut advisories = self.advisories(seen("advisories")).await?;
        let mut fingerprint = Fingerprint::default();
        fingerprint.set("release", release.seen.clone());
        if let Some(signature) = &signature {
            fingerprint.set("signature", signature.seen.clone());
        }
        if let Some(advisories) = &advisories {
            fingerprint.set("advisories", advisories.seen.clone());
        }
        if let Some(before) = self.before.filter(|before| before.same_content(&fingerprint)) {
            return dates::still_valid(&self.source.url, before.valid_until, self.ctx.now())
                .map(|()| Sourced::Unchanged)
                .map_err(Break::from);
        }
        // Something changed: now the bytes of all of them are needed, also where a server only said "not modified".
        if release.file.is_none() || signature.as_ref().is_some_and(|got| got.file.is_none()) {
            (release, signature) = self.release(None, None).await?;
        }
        if advisories.as_ref().is_some_and(|got| got.file.is_none()) {
            advisories = self.advisories(None).await?;
        }
        let file = |got: Got| got.file.ok_or_else(|| OperationError::new("fetch", "a document came without its bytes"));
        let order = AptRelease {
            file: file(release)?,
            signature: signature.map(file).transpose()?,
            keyring: self.source.keyring.clone(),
            keys: self.source.keys.clone(),
            suite: self.source.suite.clone(),
            components: self.source.components.clone(),
            architectures: self.source.architectures.clone(),
            now: self.ctx.now(),
            held: self.held,
        };
        self.ctx.progress.phase("checking the signature");
        let request = ParseRequest::Release(order.clone());
        let limits = self.ctx.app.config.parser.limits();
        let mut parser = Parser::start(&program()?, self.folder.path(), &request, limits).await?;
        let said: Release = parser.next().await?;
        fingerprint.valid_until = said.valid_until;
        self.ctx.progress.phase("fetching the lists of packages");
        let mut indexes = Vec::new();
        for (number, forms) in said.indexes.iter().enumerate() {
            indexes.push(self.index(number, forms).await?);
        }
        let request = ParseRequest::Apt {
            release: order,
            base_url: self.place.base_url(),
            indexes,
            advisories: advisories.map(file).transpose()?,
        };
        Ok(Sourced::Ready { request: Box::new(request), fingerprint })
    }

    /// `InRelease`, else `Release` and `Release.gpg`.
    async fn release(&self, release: Option<&Seen>, signature: Option<&Seen>) -> Result<(Got, Option<Got>), Break> {
        let root = format!("dists/{}", self.source.suite);
        let document = async |name: &str, seen: Option<&Seen>, most: u64| {
            let place = self.place.join(&format!("{root}/{name}"))?;
            self.documents.get(&place, seen, most, &self.folder.file(name)).await
        };
        match document("InRelease", release, MOST_RELEASE_BYTES).await {
            Err(broken) if is_missing(&broken) => {
                let release = document("Release", release, MOST_RELEASE_BYTES).await?;
                let signature = document("Release.gpg", signature, MOST_SIGNATURE_BYTES).await?;
                Ok((release, Some(signature)))
            }
            got => Ok((got?, None)),
        }
    }

    async fn advisories(&self, seen: Option<&Seen>) -> Result<Option<Got>, Break> {
        let Some(place) = &self.source.advisories else { return Ok(None) };
        let place = Place::parse(place)?;
        let into = self.folder.file("advisories");
        Ok(Some(self.documents.get(&place, seen, MOST_ADVISORIES_BYTES, &into).await?))
    }

    /// One index in whichever form the archive has it: by its digest where it offers that, the smallest form first.
    async fn index(&self, number: usize, forms: &[IndexForm]) -> Result<AptIndex, Break> {
        let mut last = None;
        for form in forms {
            for path in form.by_hash.iter().chain([&form.path]) {
                let place = self.place.join(&format!("dists/{}/{path}", self.source.suite))?;
                let into = self.folder.file(&format!("index-{number}"));
                match self.documents.get(&place, None, form.size_bytes, &into).await {
                    Ok(Got { file: Some(file), seen, .. }) if seen.sha256 == Some(form.sha256) => {
                        return Ok(AptIndex { path: form.path.clone(), file });
                    }
                    Ok(got) => {
                        let found = got.seen.sha256.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
                        let text = format!(
                            "{path} has SHA-256 {found}, the signed Release names {}; the archive may be in the middle \
                             of an update, import again in a while",
                            form.sha256
                        );
                        last = Some(Break::Failed(OperationError::new("index-differs", text)));
                    }
                    Err(stopped @ Break::Stopped(_)) => return Err(stopped),
                    Err(failed) => last = Some(failed),
                }
            }
        }
        Err(last.unwrap_or_else(|| OperationError::new("index-missing", "the Release names no index").into()))
    }
}
