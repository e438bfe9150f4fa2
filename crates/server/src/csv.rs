//! CSV (RFC 4180), safe to open in a spreadsheet (W-11).

use crate::words::harmless_but;

/// Adds a line.
pub(crate) fn record<const N: usize>(text: &mut String, cells: [impl AsRef<str>; N]) {
    for (at, value) in cells.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        cell(text, value.as_ref());
    }
    text.push_str("\r\n");
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it, also where one of another language, or
/// one that was told so, would let a cell begin: after a semicolon, a tab or a line end, for quotes do not hold there.
fn cell(text: &mut String, value: &str) {
    let (mut clean, mut begins) = (String::with_capacity(value.len()), true);
    // A name on disk must not drive the terminal that a report is shown on, nor turn its text around.
    for c in harmless_but(value, &['\n', '\t']).chars() {
        if begins && matches!(c, '=' | '+' | '-' | '@') {
            clean.push('\'');
        }
        begins = matches!(c, ';' | '\t' | '\n');
        clean.push(c);
    }
    let is_tab = value.starts_with('\t');
    if is_tab || clean.starts_with('\'') || clean.contains([',', ';', '"', '\n', '\t']) {
        let quoted = clean.replace('"', "\"\"");
        text.push('"');
        if is_tab {
            text.push('\'');
        }
        text.push_str(&quoted);
        text.push('"');
    } else {
        text.push_str(&clean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> String {
        let mut text = String::new();
        cell(&mut text, value);
        text
    }

    #[test]
    fn w_11_no_cell_is_a_formula() {
        for start in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1"] {
            let cell = of(start);
            assert!(cell.starts_with("\"'"), "{cell}");
        }
        assert_eq!(of("a=b"), "a=b");
        assert_eq!(of("\r=1"), "\\u{d}=1", "no line end is left");
        // Where a semicolon or a tab separates, and after a line end whatever the quotes say.
        assert_eq!(of("x;=HYPERLINK(1)"), "\"x;'=HYPERLINK(1)\"");
        assert_eq!(of("x\t@y"), "\"x\t'@y\"");
        assert_eq!(of("x\n=1;+2"), "\"x\n'=1;'+2\"");
        assert_eq!(of("a;b-c"), "\"a;b-c\"");
    }

    #[test]
    fn commas_quotes_and_line_ends_stay_in_their_cell() {
        assert_eq!(of("a,b"), "\"a,b\"");
        assert_eq!(of("say \"yes\""), "\"say \"\"yes\"\"\"");
        assert_eq!(of("two\nlines"), "\"two\nlines\"");
        assert_eq!(of("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(of("gpj.\u{202e}exe"), "gpj.\\u{202e}exe", "what turns text around is shown");
        let mut line = String::new();
        record(&mut line, ["a", "b", "c"]);
        assert_eq!(line, "a,b,c\r\n");
    }
}
