//! How a command can fail, and the exit status that says so.

use std::fmt;
use std::io;

use super::plain;

/// Exit status of what was stopped by Ctrl-C or a termination signal.
pub const INTERRUPTED: u8 = 130;

/// A failure with a meaning for scripts. Anything else that fails exits with 1.
#[derive(Debug)]
pub enum Failure {
    /// What was typed is wrong: exit status 2. The message is followed by a line that works.
    Typed(String),
    /// A file of the user, or what it asks for, is wrong: exit status 2.
    Input(String),
    /// The same, where the message shows a place in lines of its own.
    Place(String),
    /// Stopped by Ctrl-C or a termination signal: exit status 130.
    Interrupted {
        /// Message that says what was stopped, and where.
        message: String,
        /// How to go on.
        next: String,
    },
    /// Stopped by the machine, such as by a full disk: exit status 1.
    Stopped {
        /// Message that says what went wrong, and where.
        message: String,
        /// How to go on.
        next: String,
    },
}

impl Failure {
    /// An option is wrong, or what it names; `message` says which and what was expected.
    pub fn typed(message: impl fmt::Display) -> anyhow::Error {
        Self::Typed(message.to_string()).into()
    }

    /// A file is wrong, or what it asks for; `message` says where and what was expected.
    pub fn input(message: impl fmt::Display) -> anyhow::Error {
        Self::Input(message.to_string()).into()
    }

    /// The same failure, with the command that writes a file of this kind that is right.
    pub fn with_example(error: anyhow::Error, command: &str) -> anyhow::Error {
        match error.downcast::<Self>() {
            Ok(Self::Input(message)) => Self::Input(format!(
                "{message}; `{command}` writes an example that works"
            ))
            .into(),
            Ok(failure) => failure.into(),
            Err(error) => error,
        }
    }

    /// The user's formula is wrong; `message` shows the place in lines of its own.
    pub fn place(message: impl fmt::Display) -> anyhow::Error {
        Self::Place(message.to_string()).into()
    }

    /// Stopped; `message` says where. How to go on is added by
    /// the command that knows better than to run it again.
    pub fn interrupted(message: impl fmt::Display) -> anyhow::Error {
        Self::Interrupted {
            message: message.to_string(),
            next: "the traces are kept, run the same command again to continue".to_owned(),
        }
        .into()
    }

    /// The exit status of an error.
    pub fn status(error: &anyhow::Error) -> u8 {
        match error.downcast_ref() {
            Some(Self::Typed(_) | Self::Input(_) | Self::Place(_)) => 2,
            Some(Self::Interrupted { .. }) => INTERRUPTED,
            Some(Self::Stopped { .. }) | None => 1,
        }
    }

    /// The message of an error, which no terminal obeys.
    pub fn message(error: &anyhow::Error) -> String {
        let message = sentence(error);
        match error.downcast_ref() {
            Some(Self::Place(_)) => plain::laid_out(&message),
            _ => plain::message(&message),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed(message) | Self::Input(message) | Self::Place(message) => {
                f.write_str(message)
            }
            Self::Interrupted { message, next } | Self::Stopped { message, next } => {
                write!(f, "{message}; {next}")
            }
        }
    }
}

impl std::error::Error for Failure {}

/// An error with its causes as one sentence. What a message says already is not said again.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Gives an error of the system its exit status; `place` says what could not be done.
pub fn system(place: &str, error: io::Error) -> anyhow::Error {
    match lpzero::run::is_machines_fault(&error) {
        true => anyhow::Error::from(error).context(place.to_owned()),
        false => Failure::input(format_args!("{place}: {error}")),
    }
}

/// Gives an error of the engine its exit status.
pub fn engine(error: lpzero::nn::Error) -> anyhow::Error {
    match error.is_input() {
        true => Failure::input(error),
        false => error.into(),
    }
}

/// Gives an error of the library its exit status.
pub fn failed(error: lpzero::Error) -> anyhow::Error {
    if matches!(error, lpzero::Error::Cancelled) {
        let message = error.to_string();
        let next = "run the same command again".to_owned();
        Failure::Interrupted { message, next }.into()
    } else if error.is_cancelled() {
        Failure::interrupted(error)
    } else if matches!(error, lpzero::Error::Formula(_)) {
        Failure::place(error)
    } else if error.is_input() {
        Failure::input(error)
    } else {
        error.into()
    }
}
