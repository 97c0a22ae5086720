//! Who made a run: the command line, the version, and the machine.

use serde::Serialize;

use super::session::Session;

/// Name of the file in the folder of a run.
pub const PROVENANCE: &str = "provenance.json";

/// The commit that the command was built from, where the build was told.
pub const COMMIT: Option<&str> = option_env!("LPZERO_COMMIT");

/// Maker of a run. Nothing of it changes a result.
#[derive(Debug, Serialize)]
pub struct Provenance {
    /// The command line.
    command: String,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    seed: u64,
    threads: usize,
    /// Instruction set, architecture and system.
    machine: String,
    /// When it ended, in UTC.
    finished: String,
}

impl Session {
    /// Maker of a run that ends now.
    pub fn provenance(&self) -> Provenance {
        let arguments = std::env::args_os().skip(1);
        let arguments = arguments.map(|argument| quoted(&argument.to_string_lossy()));
        let command: Vec<String> = std::iter::once("lpzero".to_owned())
            .chain(arguments)
            .collect();
        let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        Provenance {
            command: command.join(" "),
            version: env!("CARGO_PKG_VERSION"),
            commit: COMMIT,
            seed: self.seed,
            threads: self.threads(),
            machine: machine(),
            finished: now.to_string(),
        }
    }
}

/// Instruction set, architecture and system.
pub fn machine() -> String {
    let set = lpzero::nn::InstructionSet::in_use();
    format!(
        "{set:?}, {} {}",
        std::env::consts::ARCH,
        std::env::consts::OS
    )
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    match !argument.is_empty() && argument.chars().all(is_plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        let quoted = ["--seed", "it's", "", "a * b"].map(quoted);
        assert_eq!(quoted, ["--seed", r"'it'\''s'", "''", "'a * b'"]);
    }
}
