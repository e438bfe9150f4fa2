//! Keys and configuration in a backup: what a new host needs to go on as the same server.

use std::{io, os::unix::fs::MetadataExt as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    files::{Owner, replace_file_with},
    tls, token,
};

/// What a file is for, and so where a restore puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// The key that signs manifests.
    ManifestKey,
    /// The administrator's token.
    AdminToken,
    /// The certificate of the local authority: what others trust stays the same.
    TlsAuthority,
    /// Its key.
    TlsAuthorityKey,
    /// The configuration.
    Configuration,
    /// The password for the mail server.
    MailPassword,
    /// The secret that signs webhook requests.
    WebhookSecret,
}

/// A file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// What it is for.
    pub(crate) role: Role,
    /// Where it was.
    pub(crate) path: Utf8PathBuf,
    /// Its permission bits.
    pub(crate) mode: u32,
    content: String,
}

/// `secrets.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// The files.
    pub(crate) files: Vec<Kept>,
}

impl Secrets {
    /// Gathers them; what is not there is left out.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub(super) fn gather(config: &Config) -> Result<Self, (Utf8PathBuf, io::Error)> {
        let data = |name: &str| Some(config.data.join(name));
        let authority = tls::authority_folder(&config.data);
        let places = [
            (Role::ManifestKey, data("manifest.key")),
            (Role::AdminToken, data(token::FILE)),
            (Role::TlsAuthority, Some(authority.join(tls::CERTIFICATE))),
            (Role::TlsAuthorityKey, Some(authority.join(tls::KEY))),
            (Role::Configuration, config.file.clone()),
            (Role::MailPassword, config.notify.mail.password_file.clone()),
            (Role::WebhookSecret, config.notify.webhook.secret_file.clone()),
        ];
        let mut files = Vec::new();
        for (role, path) in places.into_iter().filter_map(|(role, path)| Some((role, path?))) {
            match read(role, &path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => files.push(other.map_err(|e| (path, e))?),
            }
        }
        Ok(Self { files })
    }

    /// The file of a role.
    pub(crate) fn of(&self, role: Role) -> Option<&Kept> {
        self.files.iter().find(|file| file.role == role)
    }
}

fn read(role: Role, path: &Utf8Path) -> io::Result<Kept> {
    let mode = std::fs::metadata(path)?.mode() & 0o777;
    Ok(Kept { role, path: path.to_owned(), mode, content: STANDARD.encode(std::fs::read(path)?) })
}

impl Kept {
    /// Its bytes.
    ///
    /// # Errors
    /// The backup was not made by us.
    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        STANDARD.decode(&self.content).map_err(io::Error::other)
    }

    /// Puts it back, in the place of what an earlier attempt has put there, with the mode that it had.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, path: &Utf8Path) -> io::Result<()> {
        replace_file_with(path, &self.bytes()?, self.mode, Owner::default())
    }
}
