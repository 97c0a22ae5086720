//! `--config FILE`: options from a file, as if they were typed.
//!
//! Keys are the long names of options. Those of one command stand in a table of its name, others
//! at the top. What is typed wins over the file.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use lpzero::run::input::{self, Limit};
use toml::{Table, Value};

use super::failure::{Failure, system};

const LIMIT: Limit = Limit::mebibytes("a file of options", 1);

/// The command line with the options of its `--config` file in it.
///
/// # Errors
/// A file that is not there, or not TOML, or has a value that no option has.
pub fn expanded(arguments: Vec<OsString>) -> Result<Vec<OsString>> {
    let Some((place, length, path)) = named(&arguments) else {
        return Ok(arguments);
    };
    let wrong = |message: String| {
        Failure::typed(format_args!(
            "--config {}: {message}; expected TOML, with long names of options as keys, such as \
             `seed = 1` and `[search]` with `budget = \"60s\"`",
            Path::new(&path).display()
        ))
    };
    let text = input::read_text(Path::new(&path), LIMIT)
        .map_err(|error| system(&format!("--config {}", Path::new(&path).display()), error))?;
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    let rest: Vec<OsString> = (arguments.iter().enumerate())
        .filter(|(number, _)| !(place..place + length).contains(number))
        .map(|(_, argument)| argument.clone())
        .collect();
    let commands = commands(&rest);
    let mut options = Vec::new();
    for (key, value) in &table {
        match value {
            Value::Table(of) => {
                // `truth build` is a table inside a table.
                let mut inner = of;
                let mut path = commands.iter();
                if path.next() != Some(key) {
                    continue;
                }
                for command in path {
                    if let Some(Value::Table(deeper)) = inner.get(command) {
                        inner = deeper;
                    }
                }
                let given = inner.iter().filter(|(_, value)| !value.is_table());
                for (key, value) in given {
                    add(&mut options, key, value, &rest).map_err(wrong)?;
                }
            }
            value => add(&mut options, key, value, &rest).map_err(wrong)?,
        }
    }
    // At the end, so that they belong to the command.
    Ok(rest.into_iter().chain(options).collect())
}

/// Where `--config` stands, over how many arguments, and its value.
fn named(arguments: &[OsString]) -> Option<(usize, usize, OsString)> {
    for (place, argument) in arguments.iter().enumerate() {
        let text = argument.to_str()?;
        if text == "--" {
            return None;
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some((place, 1, path.into()));
        }
        if text == "--config" {
            return Some((place, 2, arguments.get(place + 1)?.clone()));
        }
    }
    None
}

/// Words before the first option: the program, then its commands.
fn commands(arguments: &[OsString]) -> Vec<String> {
    let words = arguments.iter().skip(1).map_while(|word| word.to_str());
    let words = words.take_while(|word| !word.starts_with('-'));
    words.take(2).map(str::to_owned).collect()
}

fn add(
    options: &mut Vec<OsString>,
    key: &str,
    value: &Value,
    typed: &[OsString],
) -> Result<(), String> {
    let option = format!("--{}", key.replace('_', "-"));
    let begun = format!("{option}=");
    let is_typed = |argument: &OsString| {
        argument
            .to_str()
            .is_some_and(|text| text == option || text.starts_with(&begun))
    };
    if typed.iter().any(is_typed) {
        return Ok(());
    }
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(format!(
            "{key}: expected a text, a number, true, false, or a list of texts"
        )),
    };
    match value {
        Value::Boolean(true) => options.push(option.into()),
        Value::Boolean(false) => (),
        Value::Array(values) => {
            for value in values {
                options.push(format!("{begun}{}", one(value)?).into());
            }
        }
        value => options.push(format!("{begun}{}", one(value)?).into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_of_a_file_stand_where_none_is_typed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("run.toml");
        std::fs::write(
            &file,
            "seed = 7\nquiet = true\n[search]\nbudget = 200\ntruth = [\"tiny\", \"openlm\"]\n[rank]\nall = true\n",
        )?;
        let file = file.display();
        let found = expanded(words(&format!(
            "lpzero search --config {file} --budget 10s"
        )))?;
        let (first, mut rest) = (found[..4].to_vec(), found[4..].to_vec());
        rest.sort();
        assert_eq!(first, words("lpzero search --budget 10s"));
        assert_eq!(rest, words("--quiet --seed=7 --truth=openlm --truth=tiny"));
        let found = expanded(words(&format!("lpzero rank --config={file}")))?;
        assert!(
            found.contains(&OsString::from("--all"))
                && !found.iter().any(|w| w.to_string_lossy().contains("budget"))
        );
        assert_eq!(
            expanded(words("lpzero rank --all"))?,
            words("lpzero rank --all")
        );
        Ok(())
    }

    #[test]
    fn a_wrong_file_is_the_users() {
        let found = expanded(words("lpzero rank --config nowhere.toml"));
        let message = found.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(message.contains("nowhere.toml"), "{message}");
    }
}
