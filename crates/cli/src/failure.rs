//! How a command can fail, and the exit status that says so.

use std::fmt;

/// Exit status of what was stopped by Ctrl-C or a termination signal.
pub const INTERRUPTED: u8 = 130;

/// A failure with a meaning for scripts. Anything else that fails exits with 1.
#[derive(Debug)]
pub enum Failure {
    /// The user's input is wrong: exit status 2.
    Input(String),
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
    /// The user's input is wrong; `message` says where and what was expected.
    pub fn input(message: impl fmt::Display) -> anyhow::Error {
        Self::Input(message.to_string()).into()
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
            Some(Self::Input(_)) => 2,
            Some(Self::Interrupted { .. }) => INTERRUPTED,
            Some(Self::Stopped { .. }) | None => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message) => f.write_str(message),
            Self::Interrupted { message, next } | Self::Stopped { message, next } => {
                write!(f, "{message}; {next}")
            }
        }
    }
}

impl std::error::Error for Failure {}

/// Gives an error of the library its exit status.
pub fn failed(error: lpzero::Error) -> anyhow::Error {
    if matches!(error, lpzero::Error::Cancelled) {
        let message = error.to_string();
        let next = "run the same command again".to_owned();
        Failure::Interrupted { message, next }.into()
    } else if error.is_cancelled() {
        Failure::interrupted(error)
    } else if error.is_input() {
        Failure::input(error)
    } else {
        error.into()
    }
}
