//! Errors as RFC 9457 problem documents with stable codes.

use serde::{Deserialize, Serialize};

use super::Refers;
use crate::JobId;

/// An error answer, `application/problem+json` (RFC 9457). `code` is stable; the texts are for people and may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:patchwharf:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem this is, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was attempted on what, why it failed, what to do next.
    pub detail: String,
    /// The stable code; see [`Code`].
    pub code: String,
    /// The request's id, as in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// A job that is in the way or that mends the matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// What the refusal is about, where there are several things: names that do not exist, candidates for an ambiguous name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// What refers to the thing that was to be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub refers: Option<Box<Refers>>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// Every code that the API answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// What it means, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// No token, or not the right one.
    Unauthorized = "unauthorized", 401, "The token is missing or wrong";
    /// Name or password is wrong, or too many attempts came before.
    SignInFailed = "sign-in-failed", 401, "Signing in failed";
    /// Who asks may not do this.
    Forbidden = "forbidden", 403, "Not allowed";
    /// The password is wanted once more: `POST /api/v1/session/confirm`, then the same request again.
    PasswordNeeded = "password-needed", 403, "The password is asked for once more";
    /// Who asks follows as many events at once as one may.
    TooManyStreams = "too-many-streams", 429, "Too many streams at once";
    /// The request comes from another site, or does not say where it comes from.
    CrossSite = "cross-site", 403, "The request comes from another site";
    /// A link that sets a password was used, has ended, or never was.
    LinkDead = "link-dead", 404, "The link does not work any more";
    /// A password that is too easy.
    WeakPassword = "weak-password", 422, "The password cannot be used";
    /// Too many attempts; `Retry-After` says how long to wait.
    TooManyAttempts = "too-many-attempts", 429, "Too many attempts";
    /// The request is not well formed: bad path, bad header.
    BadRequest = "bad-request", 400, "The request is not well formed";
    /// A query parameter is unknown or has a value that it cannot have.
    InvalidQuery = "invalid-query", 400, "A query parameter cannot be used";
    /// The body is well-formed JSON, but a field is unknown, missing or has a value that it cannot have.
    InvalidBody = "invalid-body", 422, "The body cannot be used";
    /// The body is of a type that this address does not take.
    UnsupportedMediaType = "unsupported-media-type", 415, "The body has the wrong media type";
    /// The body is larger than this address takes.
    BodyTooLarge = "body-too-large", 413, "The body is too large";
    /// There is no such address.
    NoSuchRoute = "no-such-route", 404, "There is no such address";
    /// The address does not take this method.
    MethodNotAllowed = "method-not-allowed", 405, "This address does not take that method";
    /// The thing that the request names does not exist.
    NotFound = "not-found", 404, "Not found";
    /// A name fits several things.
    AmbiguousName = "ambiguous-name", 409, "The name fits several things";
    /// A thing of this name exists already.
    NameTaken = "name-taken", 409, "The name is taken";
    /// The thing is not in a state in which this can be done.
    Conflict = "conflict", 409, "This cannot be done now";
    /// Something still needs what was to be removed.
    StillNeeded = "still-needed", 409, "Something still needs this";
    /// So much at once is done only by a request that says how much it is.
    ConfirmationNeeded = "confirmation-needed", 409, "So much at once must be confirmed";
    /// The same `Idempotency-Key` came with another request.
    IdempotencyMismatch = "idempotency-mismatch", 409, "The idempotency key was used for another request";
    /// Nothing fits the selection.
    NothingSelected = "nothing-selected", 422, "Nothing fits the selection";
    /// The file's bytes do not match its digest; it is not served, a refresh is queued.
    FileCorrupt = "file-corrupt", 503, "The file is damaged and is being mended";
    /// The file is not on disk; a refresh is queued.
    FileMissing = "file-missing", 503, "The file is missing and is being fetched";
    /// The package is known, but not staged.
    NotStaged = "not-staged", 503, "The package is not staged";
    /// The package was found on disk, and neither a feed nor a trusted signature names its digests yet.
    Unproved = "unproved", 503, "Nobody vouches for the package yet";
    /// This version of the package is gone; the detail names the current one.
    VersionGone = "version-gone", 410, "This version of the package is gone";
    /// The range lies outside the file.
    RangeNotSatisfiable = "range-not-satisfiable", 416, "The range lies outside the file";
    /// The database is busy or not to be had; try again.
    Busy = "busy", 503, "The server is busy";
    /// The resource database is damaged: packages are served, nothing can be changed.
    ReadOnly = "read-only", 503, "The server only reads";
    /// The folder cannot be a package location.
    LocationUnfit = "location-unfit", 422, "The folder cannot be a package location";
    /// A setting has no such value.
    InvalidSetting = "invalid-setting", 422, "The setting cannot have this value";
    /// Not enough room on the disk.
    NoSpace = "no-space", 507, "There is not enough room";
    /// A fault of the server; the log has the detail under the request's id.
    Internal = "internal", 500, "The server failed";
}

impl Problem {
    /// A problem of a code, with its detail.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:patchwharf:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().to_owned(),
            request_id: None,
            job: None,
            items: Vec::new(),
            refers: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_errors() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{} appears twice", code.as_str());
            assert!((400..600).contains(&code.status()));
        }
    }
}
