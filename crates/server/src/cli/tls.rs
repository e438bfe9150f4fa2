//! `patchwharf tls ...`

use anyhow::Result;
use clap::Subcommand;

use super::{Found, Global, output};
use crate::tls::{Shown, fingerprint, listed};

/// The certificates of the server of a data folder.
#[derive(Debug, Subcommand)]
pub(super) enum Tls {
    /// Show the local authority: its file and fingerprint, how to trust it, and the server's certificate.
    ///
    /// It reads the data folder, and needs no server.
    #[command(after_help = "\
Examples:
  patchwharf tls show
  patchwharf tls show --pem > patchwharf-ca.pem     # for another machine: --ca patchwharf-ca.pem")]
    Show {
        /// Print the authority's certificate alone.
        #[arg(long)]
        pem: bool,
    },
}

impl Tls {
    pub(super) fn run(self, global: &Global) -> Result<Found> {
        let Self::Show { pem } = self;
        patchwharf_trust::install_crypto_provider();
        let shown = Shown::read(&global.data)?;
        if pem {
            output::raw(shown.pem.as_bytes())?;
            return Ok(Found::Nothing);
        }
        let (names, ends) = match &shown.server {
            Some((names, ends)) => (listed(names), ends.to_string()),
            None => ("none".to_owned(), String::new()),
        };
        if global.json {
            output::json(&serde_json::json!({
                "authority": shown.path,
                "fingerprint": fingerprint(&shown.der),
                "authority-ends": shown.ends,
                "names": shown.server.iter().flat_map(|(names, _)| names).map(ToString::to_string).collect::<Vec<_>>(),
                "certificate-ends": shown.server.as_ref().map(|(_, ends)| ends),
            }))?;
            return Ok(Found::Nothing);
        }
        output::facts(&[
            ("local authority", shown.path.to_string()),
            ("SHA-256 fingerprint", fingerprint(&shown.der)),
            ("good until", shown.ends.to_string()),
            ("certificate for", names),
            ("which ends", ends),
        ])?;
        for line in [
            "",
            "The command line on this machine trusts it by itself. Elsewhere, as root on Debian and Ubuntu:",
            "  patchwharf tls show --pem > patchwharf-ca.pem        # here; then copy it over",
            "  cp patchwharf-ca.pem /usr/local/share/ca-certificates/patchwharf.crt && update-ca-certificates",
            "Command line elsewhere: --ca patchwharf-ca.pem. Firefox: Settings, Certificates, Authorities, Import.",
        ] {
            output::line(line)?;
        }
        Ok(Found::Nothing)
    }
}
