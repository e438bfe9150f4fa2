//! What the judge says.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::{disk::Disk, facts::Facts};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// What a crash or a running job may leave behind; the next start clears it. At rest it counts as a violation.
    Leftover,
    /// An invariant does not hold.
    Violation,
}

/// One thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Invariant, `I1` to `I12` (docs of the project: acceptance, section 7).
    pub invariant: &'static str,
    /// Stable code: `file-digest`, `folder-without-row` ...
    pub code: &'static str,
    /// How grave it is.
    pub grade: Grade,
    /// What it is about: `package 0190... version 3 file sp1.exe`.
    pub object: String,
    /// What was expected and what was found.
    pub message: String,
}

impl Finding {
    pub(crate) fn violation(
        invariant: &'static str,
        code: &'static str,
        object: impl fmt::Display,
        message: impl Into<String>,
    ) -> Self {
        Self { invariant, code, grade: Grade::Violation, object: object.to_string(), message: message.into() }
    }

    /// Whether it is about a thing that the server has not made and never touches.
    fn is_foreign(&self) -> bool {
        self.code == "stranger"
    }

    pub(crate) fn leftover(
        invariant: &'static str,
        code: &'static str,
        object: impl fmt::Display,
        message: impl Into<String>,
    ) -> Self {
        Self { grade: Grade::Leftover, ..Self::violation(invariant, code, object, message) }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Bulletins.
    pub bulletins: usize,
    /// Updates of the current catalogues.
    pub updates: usize,
    /// Packages.
    pub packages: usize,
    /// Versions of packages.
    pub versions: usize,
    /// Of those, staged.
    pub staged: usize,
    /// Files in version folders on disk.
    pub files: usize,
    /// Their bytes, hashed.
    pub hashed_bytes: u64,
    /// Jobs.
    pub jobs: usize,
}

impl Figures {
    pub(crate) fn of(facts: &Facts, disk: &Disk) -> Self {
        let files = || disk.folders.values().flat_map(|folder| folder.files.values());
        Self {
            bulletins: facts.bulletins.len(),
            updates: facts
                .update_revisions
                .iter()
                .filter(|r| facts.is_visible(&r.feed_id, r.from_gen, r.to_gen))
                .count(),
            packages: facts.packages.len(),
            versions: facts.versions.len(),
            staged: facts.versions.iter().filter(|v| v.state == "staged").count(),
            files: files().count(),
            hashed_bytes: files().filter(|f| f.sha256.is_some()).map(|f| f.size_bytes).sum(),
            jobs: facts.jobs.len(),
        }
    }
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Whether leftovers count.
    pub at_rest: bool,
    /// What was looked at.
    pub figures: Figures,
    /// What does not hold, gravest first.
    pub findings: Vec<Finding>,
}

impl Verdict {
    pub(crate) fn new(mut findings: Vec<Finding>, figures: Figures, at_rest: bool) -> Self {
        if at_rest {
            findings.iter_mut().for_each(|finding| finding.grade = Grade::Violation);
        }
        findings
            .sort_by(|a, b| (b.grade, a.invariant, a.code, &a.object).cmp(&(a.grade, b.invariant, b.code, &b.object)));
        Self { at_rest, figures, findings }
    }

    /// Only the violations that an earlier look found as well, and all leftovers.
    pub(crate) fn also_in(mut self, earlier: &Self) -> Self {
        let known = |finding: &Finding| {
            earlier.findings.iter().any(|other| (other.code, &other.object) == (finding.code, &finding.object))
        };
        self.findings.retain(|finding| finding.grade == Grade::Leftover || known(finding));
        self
    }

    /// Whether every invariant holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.grade == Grade::Leftover)
    }

    /// Whether there is a finding of this code.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// The last words.
    fn conclusion(&self) -> String {
        if !self.holds() {
            let violations = self.findings.iter().filter(|finding| finding.grade == Grade::Violation).count();
            return format!("{violations} violations");
        }
        let foreign = self.findings.iter().filter(|finding| finding.is_foreign()).count();
        let mut text = "everything holds".to_owned();
        match self.findings.len() - foreign {
            0 => {}
            left => text += &format!("; {left} leftovers that the next start clears"),
        }
        if foreign > 0 {
            text += &format!("; {foreign} things that are not the server's and stay");
        }
        text
    }

    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut value = serde_json::json!(self);
        value["holds"] = self.holds().into();
        format!("{value:#}\n")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let mark = match (finding.grade, finding.is_foreign()) {
                (Grade::Violation, _) => "FAIL",
                (Grade::Leftover, false) => "left",
                (Grade::Leftover, true) => "note",
            };
            writeln!(
                f,
                "{mark} {} {}: {}: {}",
                finding.invariant,
                finding.code,
                escaped(&finding.object),
                escaped(&finding.message)
            )?;
        }
        let n = &self.figures;
        writeln!(
            f,
            "{} packages, {} versions ({} staged), {} files, {} bytes hashed, {} bulletins, {} jobs: {}",
            n.packages,
            n.versions,
            n.staged,
            n.files,
            n.hashed_bytes,
            n.bulletins,
            n.jobs,
            self.conclusion()
        )
    }
}

/// Names from outside never reach a terminal as they are.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_counts_when_two_looks_agree() {
        let seen = |codes: &[&'static str]| {
            let findings = codes.iter().map(|code| Finding::violation("I2", code, "package p", "x")).collect();
            Verdict::new(findings, Figures::default(), false)
        };
        let both = seen(&["file-missing", "file-digest"]).also_in(&seen(&["file-digest", "folder-missing"]));
        assert_eq!(both.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["file-digest"]);
        assert!(seen(&["file-missing"]).also_in(&seen(&[])).holds());
    }
}
