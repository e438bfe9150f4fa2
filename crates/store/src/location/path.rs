//! Paths at which a location may begin.

use camino::{Utf8Component, Utf8Path};
use patchwharf_model::is_device_name;

use super::OpenError;

/// Refuses a path at which no location should begin: what is made there must be reachable for as long as packages lie
/// in it, also over a share and from Windows.
pub(super) fn fit(path: &Utf8Path) -> Result<(), OpenError> {
    if !path.is_absolute() {
        return Err(OpenError::Relative { path: path.to_owned() });
    }
    let mut deep = false;
    for component in path.components() {
        match component {
            Utf8Component::RootDir => {}
            Utf8Component::Normal(name) => {
                deep = true;
                if let Some(reason) = refusal(name) {
                    return Err(OpenError::BadPath { path: path.to_owned(), name: name.to_owned(), reason });
                }
            }
            Utf8Component::ParentDir | Utf8Component::CurDir | Utf8Component::Prefix(_) => {
                let (name, reason) = (component.as_str().to_owned(), "a path with dots leads somewhere else one day");
                return Err(OpenError::BadPath { path: path.to_owned(), name, reason });
            }
        }
    }
    if deep { Ok(()) } else { Err(OpenError::Root) }
}

fn refusal(name: &str) -> Option<&'static str> {
    if name.ends_with('.') || name.ends_with(' ') {
        Some("it ends with a dot or a space, which Windows drops")
    } else if is_device_name(name) {
        Some("it is the name of a Windows device")
    } else if name.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> String {
        fit(Utf8Path::new(path)).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn paths_that_would_not_be_reachable_from_everywhere_are_refused_with_the_reason() {
        for (path, why) in [
            ("packages", "not an absolute path"),
            ("", "not an absolute path"),
            ("/", "root of the file system"),
            ("//", "root of the file system"),
            ("/srv/packages.", "ends with a dot"),
            ("/srv/packages ", "ends with a dot or a space"),
            ("/srv/new /packages", "ends with a dot or a space"),
            ("/srv/../packages", "leads somewhere else"),
            ("/srv/con/packages", "Windows device"),
            ("/srv/NUL.d", "Windows device"),
            ("/srv/com1", "Windows device"),
            ("/srv/a\nb", "control character"),
        ] {
            assert!(refused(path).contains(why), "{path:?}: {}", refused(path));
        }
        for path in ["/srv/packages", "/srv/packages/", "/srv/./packages", "/tmp/.x/console"] {
            assert_eq!(refused(path), "", "{path}");
        }
    }
}
