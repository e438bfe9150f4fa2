//! What stands around every page: who is signed in, where one is, what else there is.

use patchwharf_model::Role;

use super::assets;
use crate::access::Principal;

/// A place in the menu, by the path that it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
}

/// The menu: the places where administrators of such products look.
const MENU: [(&str, &[Place]); 4] = [
    ("", &[Place { path: "/console", name: "Dashboard" }]),
    (
        "Actions",
        &[
            Place { path: "/console/bulletins", name: "Patch Remediation Center" },
            Place { path: "/console/policies", name: "Software Update Policies" },
        ],
    ),
    (
        "Manage",
        &[
            Place { path: "/console/packages", name: "Software Packages" },
            Place { path: "/console/jobs", name: "Jobs and Tasks" },
            Place { path: "/console/log", name: "Log Viewer" },
            Place { path: "/console/audit", name: "Audit" },
        ],
    ),
    (
        "Settings",
        &[
            Place { path: "/console/services", name: "Core Services" },
            Place { path: "/console/feeds", name: "Feeds" },
            Place { path: "/console/account", name: "Accounts" },
        ],
    ),
];

/// The frame of a page.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// Who is signed in.
    pub(super) name: String,
    /// What they may do.
    pub(super) role: Role,
    /// Where one is: a path of the menu.
    pub(super) at: &'static str,
    /// The script of this page.
    pub(super) script: &'static str,
}

impl Shell {
    pub(super) fn new(who: Principal, at: &'static str, script: &'static str) -> Self {
        Self { name: who.name, role: who.role, at, script }
    }

    pub(super) fn menu(&self) -> &'static [(&'static str, &'static [Place])] {
        &MENU
    }

    pub(super) fn is_here(&self, place: &Place) -> bool {
        self.at == place.path
    }

    pub(super) fn stages(&self) -> bool {
        self.role >= Role::Operator
    }

    pub(super) fn administers(&self) -> bool {
        self.role >= Role::Administrator
    }

    /// An asset's address; it changes with its content.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}
