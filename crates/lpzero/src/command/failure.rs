//! How a command can fail, and the exit status that says so.

use std::fmt;

/// A failure with a meaning for scripts. Anything else that fails exits with 1.
#[derive(Debug)]
pub enum Failure {
    /// The user's input is wrong: exit status 2.
    Input(String),
    /// Stopped by Ctrl-C or a termination signal: exit status 130.
    Interrupted(String),
}

impl Failure {
    /// The user's input is wrong; `message` says where and what was expected.
    pub fn input(message: impl fmt::Display) -> anyhow::Error {
        Self::Input(message.to_string()).into()
    }

    /// Stopped; `message` says what was kept and how to go on.
    pub fn interrupted(message: impl fmt::Display) -> anyhow::Error {
        Self::Interrupted(message.to_string()).into()
    }

    /// The exit status of an error.
    pub fn status(error: &anyhow::Error) -> u8 {
        match error.downcast_ref() {
            Some(Self::Input(_)) => 2,
            Some(Self::Interrupted(_)) => 130,
            None => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message) | Self::Interrupted(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Failure {}
