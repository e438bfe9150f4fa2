//! CSV (RFC 4180), safe to open in a spreadsheet (W-11).

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

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it.
fn cell(text: &mut String, value: &str) {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let needs_quotes = is_formula || value.contains([',', '"', '\n', '\r']);
    if needs_quotes {
        text.push('"');
    }
    if is_formula {
        text.push('\'');
    }
    for c in value.chars() {
        match c {
            '"' => text.push_str("\"\""),
            // A name on disk must not drive the terminal that a report is shown on.
            c if c.is_control() && !matches!(c, '\n' | '\t') => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    if needs_quotes {
        text.push('"');
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
        for start in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            let cell = of(start);
            assert!(cell.starts_with("\"'"), "{cell}");
        }
        assert_eq!(of("a=b"), "a=b");
    }

    #[test]
    fn commas_quotes_and_line_ends_stay_in_their_cell() {
        assert_eq!(of("a,b"), "\"a,b\"");
        assert_eq!(of("say \"yes\""), "\"say \"\"yes\"\"\"");
        assert_eq!(of("two\nlines"), "\"two\nlines\"");
        assert_eq!(of("\u{1b}[2J"), "\\u{1b}[2J");
        let mut line = String::new();
        record(&mut line, ["a", "b", "c"]);
        assert_eq!(line, "a,b,c\r\n");
    }
}
