//! For each command a line that works, which whoever typed another one is told.

use std::ffi::OsString;

/// Commands in the order of the help, and a line that each would take. What stands in capitals
/// is a file of the user.
const LINES: [(&str, &str); 19] = [
    ("search", "search --truth tiny --budget 500"),
    (
        "ablate",
        "ablate pruning --truth tiny --seeds 3 --budget 100",
    ),
    ("rank", "rank --truth tiny --proxy snip --proxy params"),
    ("score", "score CONFIG.JSON --proxy snip"),
    ("compare", "compare ONE/config.json OTHER/config.json"),
    ("eval", "eval FOLDER --text TEXT.TXT"),
    ("nas", "nas --space tiny --max-params 100k --budget 100"),
    (
        "export",
        "export ARCHITECTURE.JSON --supernet FOLDER --out NEW",
    ),
    ("train", "train --layers 2 --width 16 --steps 60"),
    ("report", "report RUN --out report.html"),
    ("status", "status RUN"),
    ("slurm", "slurm --shards 8 -- truth build --out NEW"),
    ("proxies", "proxies snip"),
    ("truth", "truth show --truth tiny"),
    ("new", "new truth mine.csv"),
    ("cache", "cache size"),
    ("doctor", "doctor --offline"),
    ("completions", "completions bash"),
    ("man", "man NEW"),
];

/// What ends the message on a command line that is wrong: one for the same command that works.
/// `None` where no command is named.
pub fn instead(typed: &[OsString]) -> Option<String> {
    let mut words = typed.iter().skip(1).filter_map(|word| word.to_str());
    let line = words.find_map(|word| LINES.iter().find(|(command, _)| *command == word))?;
    Some(format!("This works: lpzero {}", line.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use clap::{CommandFactory, Parser};

    #[test]
    fn every_command_has_a_line_that_it_takes() {
        let commands = Arguments::command();
        let names = commands.get_subcommands().map(clap::Command::get_name);
        assert!(names.eq(LINES.iter().map(|(command, _)| *command)));
        for (command, line) in LINES {
            let words = std::iter::once("lpzero").chain(line.split(' '));
            let parsed = Arguments::try_parse_from(words);
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
            assert!(line.starts_with(command));
        }
    }

    #[test]
    fn the_command_that_was_meant_is_found_behind_options() {
        let words = ["lpzero", "--seed", "3", "rank", "--trth", "search"].map(OsString::from);
        assert_eq!(
            instead(&words).as_deref(),
            Some("This works: lpzero rank --truth tiny --proxy snip --proxy params")
        );
        assert_eq!(instead(&["lpzero", "rnak"].map(OsString::from)), None);
    }
}
