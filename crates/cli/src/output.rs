//! Output for people: tables on standard output, remarks and progress on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::{self, Plain};

/// Writes a message on standard error, in one line.
pub fn remark(message: impl std::fmt::Display) {
    say(&plain::message(&message.to_string()));
}

/// Writes lines that a terminal can show on standard error. That nobody can read them
/// stops no work: the terminal may be closed, or the disk of a log be full.
pub fn say(lines: &str) {
    let _ = writeln!(std::io::stderr(), "{lines}");
}

/// Remarks and progress on standard error, or silence.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    quiet: bool,
}

impl Reporter {
    /// A reporter that says nothing where `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Whether remarks are wanted by nobody.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A remark on what is going on.
    pub fn note(&self, message: impl std::fmt::Display) {
        if !self.quiet {
            remark(message);
        }
    }

    /// Something the user should know although the work goes on.
    pub fn warn(&self, message: impl std::fmt::Display) {
        if !self.quiet {
            remark(format_args!("warning: {message}"));
        }
    }

    /// A progress bar, drawn on a terminal only.
    pub fn bar(&self, what: &str, length: u64) -> ProgressBar {
        let visible = !self.quiet && std::io::stderr().is_terminal();
        let target = if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix} [{bar:30}] {percent} %  {elapsed} elapsed  {msg}",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what.to_owned());
        if visible {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar
    }
}

/// Prints the one JSON document of a command.
pub fn print_json(document: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(document)?;
    writeln!(Plain::json(std::io::stdout()), "{text}")?;
    Ok(())
}
