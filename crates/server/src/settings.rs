//! What an administrator sets while the server runs: a registry of names, each with its meaning, its default and what it
//! can be.

mod downloads;
pub(crate) mod keep;
mod lists;
mod live;

use std::{fmt, sync::Arc, time::Duration};

use patchwharf_db::{feeds, locations as table, settings as kept};
use patchwharf_model::{api, span};

use crate::{
    access::By,
    app::App,
    locations,
    operations::{OperationError, download, integrity::settings as integrity, revise, unused::settings as unused},
    words::{bytes, count},
};

pub(crate) use lists::{is_level, level, speaking};
pub(crate) use live::{Live, take_up};

/// Something that can be set.
pub(crate) struct Setting {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it means, for people.
    meaning: &'static str,
    kind: Kind,
}

enum Kind {
    /// The path of the default package location, which is made or opened when it is set.
    PackageLocation,
    /// A text in the table `setting`.
    Kept {
        /// What it is while nothing is set.
        default: fn(&App) -> String,
        /// Refuses what it cannot be, and says what is allowed.
        fits: fn(&str) -> Result<(), String>,
    },
    /// The same; it may hold a password, which is never shown.
    Secret {
        /// What it is while nothing is set.
        default: fn(&App) -> String,
        /// Refuses what it cannot be, without saying it.
        fits: fn(&str) -> Result<(), String>,
        /// As it may be shown.
        shown: fn(&str) -> String,
    },
}

/// How long something is kept.
macro_rules! keeping {
    ($keep:expr, $meaning:literal) => {
        Setting {
            name: $keep.name,
            meaning: $meaning,
            kind: Kind::Kept { default: |app| $keep.default(app), fits: |text| keep::fits($keep.name, text) },
        }
    };
}

const PACKAGE_LOCATION: Setting = Setting {
    name: "package-location",
    meaning: "folder for new packages; packages that are there already stay where they are until they are moved",
    kind: Kind::PackageLocation,
};

/// How long an original stays at least. A server knows its own downloads, not those of others that share its database:
/// there an original stays as long as a retired version does.
pub(crate) const KEEP_ORIGINALS: Setting = Setting {
    name: "originals.keep-for",
    meaning: "how long originals stay before `location prune` may take them: longer than any download of another server",
    kind: Kind::Kept {
        default: |app| span::written(if app.db.is_shared() { app.live.grace() } else { Duration::ZERO }),
        fits: |text| span::parse(text).map(drop).map_err(|error| error.to_string()),
    },
};

/// Most bytes of a value.
const LONGEST: usize = 4_000;

/// All settings, in the order in which they are shown.
const ALL: &[Setting] = &[
    PACKAGE_LOCATION,
    KEEP_ORIGINALS,
    Setting {
        name: lists::SEVERITY_LEVELS,
        meaning: "names that can be given to bulletins as custom severity, the gravest first, with commas between them; \
                  any: whatever is written",
        kind: Kind::Kept { default: |_| lists::ANY.to_owned(), fits: |text| lists::levels(text).map(drop) },
    },
    Setting {
        name: lists::LANGUAGES,
        meaning: "languages whose files are taken, as `en, pt-BR, de*`, from the next import on, where a feed has no rule \
                  of its own about languages; files without a language are always taken; all: every language",
        kind: Kind::Kept { default: |_| lists::EVERY.to_owned(), fits: |text| lists::languages(text).map(drop) },
    },
    Setting {
        name: downloads::MAX_RATE,
        meaning: "bytes per second of all downloads from vendors together, at once: 5MiB; off: no limit",
        kind: Kind::Kept { default: downloads::default_rate, fits: |text| integrity::rate(text).map(drop) },
    },
    Setting {
        name: downloads::PROXY,
        meaning: "proxy of downloads, from the next one on: http://[user:password@]host:port; off: none. The password is \
                  not shown",
        kind: Kind::Secret {
            default: downloads::default_proxy,
            fits: |text| downloads::proxy(text).map(drop),
            shown: downloads::shown,
        },
    },
    Setting {
        name: download::EVERY,
        meaning: "how often bulletins that are current, enabled and not downloaded are staged; off: on demand only",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| integrity::every(text).map(drop) },
    },
    Setting {
        name: revise::EVERY,
        meaning: "how often packages whose updates the vendor has revised are staged anew; off: on demand only",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| integrity::every(text).map(drop) },
    },
    keeping!(keep::GRACE, "how long the files of a replaced version stay: longer than any download takes"),
    keeping!(
        keep::QUARANTINE,
        "how long what was found bad, or belongs to no one, stays in quarantine; off: for ever. Nothing goes before its \
         package is staged again"
    ),
    keeping!(keep::JOBS, "how long ended jobs and their reports stay; off: for ever. The newest 1,000 stay anyway"),
    keeping!(keep::LOG, "how long records of the log stay"),
    keeping!(
        keep::AUDIT,
        "how long the audit trail stays in the database, 30d or more; off: for ever. What goes is written to a file first"
    ),
    Setting {
        name: integrity::LIGHT_EVERY,
        meaning: "how often files are compared with their last proof by length and time stamps",
        kind: Kind::Kept {
            default: |_| span::written(integrity::EVERY_HOUR),
            fits: |text| integrity::every(text).map(drop),
        },
    },
    Setting {
        name: integrity::FULL_EVERY,
        meaning: "how often every byte is proved",
        kind: Kind::Kept {
            default: |app| integrity::every_text(app.config.packages.verify_every),
            fits: |text| integrity::every(text).map(drop),
        },
    },
    Setting {
        name: integrity::MAX_RATE,
        meaning: "bytes per second that checks by the clock read at most",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| integrity::rate(text).map(drop) },
    },
    Setting {
        name: integrity::ONLY_BETWEEN,
        meaning: "hours of the day in which full checks by the clock run",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| integrity::hours(text).map(drop) },
    },
    Setting {
        name: unused::SUPERSEDED_AFTER,
        meaning: "`delete-unused` takes packages superseded for so long that no enabled policy needs",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| unused::after(text).map(drop) },
    },
    Setting {
        name: unused::DISABLED_AFTER,
        meaning: "`delete-unused` takes packages in no policy whose bulletin has been disabled for so long",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| unused::after(text).map(drop) },
    },
    Setting {
        name: unused::WITHOUT_POLICY_AFTER,
        meaning: "`delete-unused` takes packages in no policy that were staged so long ago",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| unused::after(text).map(drop) },
    },
    Setting {
        name: unused::BY_THE_CLOCK,
        meaning: "whether the full integrity check by the clock deletes unused packages too: on or off",
        kind: Kind::Kept { default: |_| integrity::OFF.to_owned(), fits: |text| unused::switch(text).map(drop) },
    },
];

impl Setting {
    /// What it is while nothing is set; empty: it is always set.
    fn default(&self, app: &App) -> String {
        match self.kind {
            Kind::PackageLocation => String::new(),
            Kind::Kept { default, .. } => default(app),
            Kind::Secret { default, shown, .. } => shown(&default(app)),
        }
    }

    /// What it is now, as it may be shown.
    async fn value(&self, app: &App) -> Result<String, OperationError> {
        self.value_of(app, kept::get(&app.db, self.name).await?).await
    }

    /// The same where it is known what is set.
    async fn value_of(&self, app: &App, set: Option<String>) -> Result<String, OperationError> {
        Ok(match self.kind {
            Kind::PackageLocation => {
                table::default(&app.db).await?.map(|row| row.path.into_string()).unwrap_or_default()
            }
            Kind::Kept { default, .. } => set.unwrap_or_else(|| default(app)),
            Kind::Secret { default, shown, .. } => shown(&set.unwrap_or_else(|| default(app))),
        })
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All settings as they are.
pub(crate) async fn list(app: &App) -> Result<Vec<api::Setting>, OperationError> {
    let audit = keep::AUDIT.now(app).await?;
    let mut set = kept::all(&app.db).await?;
    let mut shown = Vec::with_capacity(ALL.len());
    for setting in ALL {
        let value = setting.value_of(app, set.remove(setting.name)).await?;
        let warning = never(audit, setting.name, &value).map(|why| format!(". WARNING: {why}")).unwrap_or_default();
        shown.push(api::Setting {
            name: setting.name.to_owned(),
            value,
            default: setting.default(app),
            meaning: format!("{}{warning}", setting.meaning),
        });
    }
    Ok(shown)
}

/// Why a rule about unused packages can never take anything.
fn never(audit: Duration, name: &str, value: &str) -> Option<String> {
    unused::never(name, unused::after(value).ok()?, audit)
}

/// Sets a value.
///
/// # Errors
/// There is no such setting, or it cannot have this value: the text says what is allowed.
pub(crate) async fn set(app: &Arc<App>, name: &str, wish: &str, by: &By) -> Result<api::SettingChange, OperationError> {
    let setting = ALL.iter().find(|setting| setting.name == name).ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|setting| setting.name).collect();
        OperationError::new("not-found", format!("there is no setting {name}; there are: {}", known.join(", ")))
    })?;
    let before = setting.value(app).await?;
    let mut notes = match setting.kind {
        Kind::PackageLocation => {
            locations::make_default(app, wish.into(), by).await?;
            whereabouts(app).await?
        }
        Kind::Kept { fits, .. } => {
            let value = wish.trim();
            allowed(name, value, fits)?;
            let mut write = by.write(app).await?;
            kept::set(&mut write, name, value).await?;
            if name == lists::LANGUAGES {
                // What was left out lies in catalogues that are known already.
                feeds::read_anew(&mut write).await?;
            }
            write.commit().await?;
            never(keep::AUDIT.now(app).await?, name, value).into_iter().collect()
        }
        Kind::Secret { fits, shown, .. } => {
            let value = wish.trim();
            allowed(name, value, fits)?;
            let mut write = by.write(app).await?;
            kept::note(&mut write, name, value).await?;
            write.audit("setting.set", format!("setting {name}"), Some(before.clone()), Some(shown(value)));
            write.commit().await?;
            Vec::new()
        }
    };
    if let Err(error) = take_up(app).await {
        notes.push(format!("it is set, and does not count yet: {error}"));
    }
    let after = setting.value(app).await?;
    tracing::info!(setting = name, before, after, "setting changed");
    Ok(api::SettingChange { name: name.to_owned(), before, after, notes })
}

fn allowed(name: &str, value: &str, fits: fn(&str) -> Result<(), String>) -> Result<(), OperationError> {
    let long = || format!("it has more than {LONGEST} characters");
    let fits = if value.len() > LONGEST { Err(long()) } else { fits(value) };
    fits.map_err(|why| {
        OperationError::new("invalid-setting", format!("{name} cannot be set so: {why}; nothing was changed"))
    })
}

/// A setting that is a span of time.
pub(crate) async fn duration(app: &App, setting: &Setting) -> Result<Duration, OperationError> {
    let text = setting.value(app).await?;
    span::parse(&text).map_err(|error| {
        OperationError::new("invalid-setting", format!("the setting {}: {error}; set it anew", setting.name))
    })
}

/// What lies elsewhere than at the default location, for people.
async fn whereabouts(app: &App) -> Result<Vec<String>, OperationError> {
    let usage = table::usage(&app.db).await?;
    let rows = table::list(&app.db).await?;
    let elsewhere = rows.iter().filter(|row| !row.is_default).filter_map(|row| {
        let used = usage.iter().find(|used| used.location_id == row.location_id && used.packages > 0)?;
        Some(format!(
            "{} ({}) still at {} and served from there; `patchwharf location relocate {}` moves them",
            count(used.packages, "package"),
            bytes(used.size_bytes),
            row.path,
            row.path
        ))
    });
    Ok(elsewhere.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_settings_are_unique() {
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
