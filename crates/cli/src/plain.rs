//! Text that a terminal shows and does not obey.
//!
//! Ids, paths and messages come from files, and may hold escape sequences. Whatever the
//! command prints passes here: control characters are shown as `\n` or `\u{1b}`, in JSON
//! as its own escapes.

use std::borrow::Cow;
use std::io::{self, StdoutLock, Write};

use anstream::{AutoStream, ColorChoice};

pub use super::text_table::Table;

/// Whether a terminal may obey a character, write the rest of a line backwards, or show
/// nothing at all, so that two names look like one.
fn commands(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let unseen = matches!(
        c,
        '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || turns || unseen || matches!(c, '\u{2028}' | '\u{2029}')
}

fn replaced(
    text: &str,
    hidden: impl Fn(char) -> bool,
    shown: impl Fn(char) -> String,
) -> Cow<'_, str> {
    match text.contains(&hidden) {
        false => Cow::Borrowed(text),
        true => {
            let show = |c| match hidden(c) {
                true => shown(c),
                false => String::from(c),
            };
            Cow::Owned(text.chars().map(show).collect())
        }
    }
}

/// A text in one line.
pub fn line(text: &str) -> Cow<'_, str> {
    replaced(text, commands, |c| c.escape_default().to_string())
}

/// The most characters of a message; what a file holds may be in it.
const LONGEST: usize = 4000;

/// A message in one line, without the middle of one that no one would read.
pub fn message(text: &str) -> String {
    shortened(&line(text))
}

/// A message that was laid out in lines, as [`message`].
pub fn laid_out(text: &str) -> String {
    shortened(&lines(text))
}

fn shortened(text: &str) -> String {
    let half = LONGEST / 2;
    let ends = text.char_indices().nth(LONGEST).and_then(|_| {
        let (first, _) = text.char_indices().nth(half)?;
        let (last, _) = text.char_indices().rev().nth(half)?;
        Some((first, last))
    });
    match ends {
        Some((first, last)) => format!("{} ... {}", &text[..first], &text[last..]),
        None => text.to_owned(),
    }
}

/// A text that was laid out in lines.
fn lines(text: &str) -> Cow<'_, str> {
    let hidden = |c| c != '\n' && commands(c);
    replaced(text, hidden, |c| c.escape_default().to_string())
}

/// A JSON document, in which only strings can hold such characters.
fn json(text: &str) -> Cow<'_, str> {
    let hidden = |c| c != '\n' && commands(c);
    replaced(text, hidden, |c| format!("\\u{:04x}", u32::from(c)))
}

/// An output of text, in UTF-8.
pub struct Plain<W> {
    out: W,
    /// The beginning of a character whose end is not written yet.
    begun: Vec<u8>,
    show: fn(&str) -> Cow<'_, str>,
    /// Whether lines may be bold or dim.
    styles: bool,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As all others.
    #[default]
    Usual,
    /// What the reader looks for.
    Bold,
    /// What it is compared with.
    Dim,
}

impl<W: Write> Plain<W> {
    /// An output of lines.
    pub fn new(out: W) -> Self {
        Self::showing(out, lines)
    }

    /// An output of JSON.
    pub fn json(out: W) -> Self {
        Self::showing(out, json)
    }

    fn showing(out: W, show: fn(&str) -> Cow<'_, str>) -> Self {
        let begun = Vec::new();
        Self {
            out,
            begun,
            show,
            styles: false,
        }
    }

    /// Writes a line that looks a way, where the output can show it.
    pub fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        let code = match style {
            _ if !self.styles => None,
            Style::Usual => None,
            Style::Bold => Some("\u{1b}[1m"),
            Style::Dim => Some("\u{1b}[2m"),
        };
        // The codes are ours, so they pass by what shows those of others.
        if let Some(code) = code {
            self.flush()?;
            self.out.write_all(code.as_bytes())?;
        }
        self.write_all(text.as_bytes())?;
        if code.is_some() {
            self.out.write_all(b"\x1b[0m")?;
        }
        self.write_all(b"\n")
    }
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let text = String::from_utf8_lossy(&self.begun[..whole]);
        self.out.write_all((self.show)(&text).as_bytes())?;
        self.begun.drain(..whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Standard output for text.
pub fn stdout() -> Plain<StdoutLock<'static>> {
    let styles = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
    Plain {
        styles,
        ..Plain::new(io::stdout().lock())
    }
}

/// Columns of the terminal that standard output goes to; `None` where it goes elsewhere.
pub fn terminal_width() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map(|(width, _)| usize::from(width.0))
}

/// A score to six digits, without an exponent where that can be read.
pub fn significant(value: f64) -> String {
    let size = value.abs();
    match value {
        0.0 => "0".to_owned(),
        _ if (1e-3..1e6).contains(&size) => {
            let digits = (5.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
            format!("{value:.digits$}")
        }
        _ => format!("{value:.5e}"),
    }
}

/// Sentences in lines that end between words where standard output is a terminal, and in one
/// line elsewhere.
pub fn sentences(text: impl std::fmt::Display) -> String {
    wrapped(&text.to_string(), terminal_width())
}

fn wrapped(text: &str, width: Option<usize>) -> String {
    match width {
        Some(width) => textwrap::fill(text, width),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31m\n\u{9b}2J\t\u{202e}é";

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(line(HOSTILE), r"a\u{1b}[31m\n\u{9b}2J\t\u{202e}é");
        assert_eq!(lines(HOSTILE).lines().count(), 2);
        assert_eq!(lines("é\n"), "é\n");
        for unseen in ['\u{61c}', '\u{200b}', '\u{2060}', '\u{feff}', '\u{e0041}'] {
            let name = format!("a{unseen}b");
            assert!(line(&name).is_ascii(), "{}", line(&name));
        }
        let mut table = Table::new();
        table.set_header(["x\ny"]);
        table.add_row([HOSTILE]);
        assert_eq!(table.to_string().lines().count(), 2);
        assert!(!table.to_string().contains('\u{1b}'));
    }

    #[test]
    fn a_message_of_megabytes_is_shortened() {
        let long = format!("begin {} end", "\0".repeat(1 << 20));
        let shown = message(&long);
        assert!(
            shown.len() < LONGEST + 10 && shown.starts_with("begin") && shown.ends_with(" end")
        );
        assert_eq!(message("short"), "short");
    }

    #[test]
    fn a_character_may_come_in_parts() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out);
        for byte in "é\u{9b}\n".bytes() {
            plain.write_all(&[byte]).unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), "é\\u{9b}\n");
    }

    #[test]
    fn scores_have_six_digits() {
        let shown = [
            0.0,
            41.583812,
            -0.0123456789,
            1.0,
            999_999.4,
            2.5e9,
            f64::NAN,
        ]
        .map(significant);
        let expected = [
            "0",
            "41.5838",
            "-0.0123457",
            "1.00000",
            "999999",
            "2.50000e9",
            "NaN",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn sentences_end_between_words() {
        let text = "a sentence of seven words, no more";
        assert_eq!(
            wrapped(text, Some(16)),
            "a sentence of\nseven words, no\nmore"
        );
        assert_eq!(wrapped(text, None), text);
    }

    #[test]
    fn json_keeps_its_meaning() {
        let mut out = Vec::new();
        serde_json::to_writer_pretty(Plain::json(&mut out), &[HOSTILE, "\u{7f}"]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(|c: char| c != '\n' && commands(c)), "{text}");
        let read: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, [HOSTILE, "\u{7f}"]);
    }
}
