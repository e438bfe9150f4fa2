//! Keeping the certificates fresh while the server runs.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use patchwharf_model::Timestamp;

use super::{
    ServerTls,
    machine::{self, Wanted},
    name::listed,
    own::Seen,
};
use crate::clock::Clock;

/// How often files and time are looked at.
const EVERY: Duration = Duration::from_secs(3);
/// After so many looks the machine is asked for its names again: once an hour.
const ASK_AFTER: u32 = 1_200;

const LOCAL: &str = "the certificate of the local authority";
const OWN: &str = "the certificate of the configuration";
const AUTHORITY: &str = "the local authority";
const NAMES: &str = "the names of the certificate";

/// Looks until the server ends.
pub(crate) async fn watch(tls: Arc<ServerTls>, clock: Clock) {
    let mut looks = 0_u32;
    let mut wanted = machine::names(tls.config.listen, &tls.config.tls.names).await;
    loop {
        tokio::time::sleep(EVERY).await;
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(ASK_AFTER) {
            wanted = machine::names(tls.config.listen, &tls.config.tls.names).await;
        }
        let (tls, wanted, now) = (Arc::clone(&tls), wanted.clone(), clock.now());
        if let Err(error) = tokio::task::spawn_blocking(move || tls.look(&wanted, now)).await {
            tracing::error!(%error, "the certificates could not be looked at; trying again");
        }
    }
}

impl ServerTls {
    /// Renews what is due and takes up what changed. Blocks.
    pub(super) fn look(&self, wanted: &Wanted, now: Timestamp) {
        self.look_at_local(wanted, now);
        self.look_at_own(now);
        self.tell(wanted, now);
    }

    fn look_at_local(&self, wanted: &Wanted, now: Timestamp) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.authority.is_due(&issued, wanted, now) {
            return;
        }
        match self.authority.issue(wanted, Some(&issued), now) {
            Ok(new) => {
                self.certificates.set_local(Arc::clone(&new.key));
                tracing::info!(names = %listed(&new.names), ends = %new.ends, "the server's certificate was renewed");
                *issued = new;
                self.troubles.note(LOCAL, None);
            }
            Err(error) => self.troubles.note(
                LOCAL,
                Some(format!(
                    "it could not be renewed and ends at {}: {error:#}",
                    issued.ends.strftime("%Y-%m-%d %H:%M UTC")
                )),
            ),
        }
    }

    fn look_at_own(&self, now: Timestamp) {
        let Some(own) = &self.own else { return };
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        match own.look(now) {
            Seen::Same => {}
            Seen::New(key) => {
                self.certificates.set_own(key);
                tracing::info!("the certificate of the configuration changed and is in use");
            }
            Seen::Broken(error) => {
                self.troubles.note(
                    OWN,
                    Some(format!("what lies there now cannot be used, the one before stays in use: {error:#}")),
                );
            }
        }
        if !own.is_broken() {
            self.troubles.note(OWN, own.ends(now));
        }
    }

    /// Notes what no renewal mends.
    pub(super) fn tell(&self, wanted: &Wanted, now: Timestamp) {
        self.troubles.note(AUTHORITY, self.authority.ends_soon(now));
        let refused = self.authority.refused(&wanted.names);
        let sentence = (!refused.is_empty()).then(|| {
            format!(
                "the local authority may not vouch for {}: it was made for other names. To have a new one, which everybody \
                 must trust anew, stop the server, move {} away and start again",
                listed(refused),
                super::authority_folder(&self.config.data)
            )
        });
        self.troubles.note(NAMES, sentence.filter(|_| self.own.is_none()));
        if let Some(own) = &self.own {
            let own = own.lock().unwrap_or_else(PoisonError::into_inner);
            if !own.is_broken() {
                self.troubles.note(OWN, own.ends(now));
            }
        }
    }
}
