//! Formulas that earlier searches, or the user, left in files.

use std::collections::HashSet;
use std::path::Path;

use lpzero_run::input::{self, Limit};
use serde::Deserialize;

use crate::{Error, Proxy};

/// Name of the report in the folder of a finished search.
pub const REPORT: &str = "report.json";
/// Name of the front in the folder of a search, finished or not.
pub const FRONT: &str = "front.json";

/// Size of the largest report, or file of formulas.
const LIMIT: Limit = Limit::mebibytes("a report or a file of formulas", 64);

/// One formula of a report.
#[derive(Deserialize)]
struct Member {
    formula: String,
}

/// Formulas in the report of a search.
#[derive(Deserialize)]
struct Report {
    best: Member,
    front: Vec<Member>,
}

impl Proxy {
    /// The proxies that texts name: each a named proxy, a formula, or after `@` a path.
    ///
    /// A path is the folder of a finished search, its report, or a file with one formula
    /// a line (`formula` or `name = formula`; `#` begins a remark).
    ///
    /// # Errors
    ///
    /// A text that is none of these, a file that holds no formula, and
    /// [`Error::GivenTwice`]: a name is a column of tables.
    pub fn read_all<T: AsRef<str>>(texts: &[T]) -> Result<Vec<Self>, Error> {
        let mut proxies: Vec<Self> = Vec::with_capacity(texts.len());
        let mut names = HashSet::new();
        for text in texts {
            let text = text.as_ref();
            let named = match text.strip_prefix('@') {
                Some(path) => in_file(text, Path::new(path))?,
                None => vec![Self::parse(text)?],
            };
            for proxy in named {
                if !names.insert(proxy.name.clone()) {
                    return Err(Error::GivenTwice { name: proxy.name });
                }
                proxies.push(proxy);
            }
        }
        Ok(proxies)
    }
}

fn in_file(text: &str, path: &Path) -> Result<Vec<Proxy>, Error> {
    let wrong = |message: String| Error::NoFormulas {
        text: text.to_owned(),
        message,
        expected: "the folder of a finished search, its report, or a file with one formula a line",
    };
    let file = match path.is_dir() {
        true => path.join(REPORT),
        false => path.to_owned(),
    };
    let content = input::read_text(&file, LIMIT)
        .map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    if content.trim_start().starts_with('{') {
        let report: Report =
            serde_json::from_str(&content).map_err(|error| wrong(error.to_string()))?;
        let proxy = named(text, &report.best.formula);
        return Ok(vec![proxy.map_err(|error| wrong(error.to_string()))?]);
    }
    let mut found = Vec::new();
    for (number, line) in content.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (name, formula) = line.split_once('=').unwrap_or((line, line));
        let proxy = named(name.trim(), formula.trim());
        found.push(proxy.map_err(|error| wrong(format!("line {}: {error}", number + 1)))?);
    }
    match found.is_empty() {
        true => Err(wrong("holds no formula".to_owned())),
        false => Ok(found),
    }
}

fn named(name: &str, formula: &str) -> Result<Proxy, Error> {
    let name = name.to_owned();
    Ok(Proxy {
        name,
        ..Proxy::parse(formula)?
    })
}

/// The formulas of the front of a search, finished or not, by its folder.
///
/// # Errors
///
/// A folder that has neither report nor front, or an empty one.
pub fn front_of(run: &Path) -> Result<Vec<String>, Error> {
    let wrong = |message: String| Error::NoFormulas {
        text: run.display().to_string(),
        message,
        expected: "a named proxy, a formula, or the folder of a search",
    };
    let read = |name: &str| input::read_text(&run.join(name), LIMIT);
    let members = match read(REPORT) {
        Ok(text) => serde_json::from_str(&text).map(|report: Report| report.front),
        Err(_) => {
            let text = read(FRONT).map_err(|error| wrong(format!("{FRONT}: {error}")))?;
            serde_json::from_str(&text)
        }
    };
    let members: Vec<Member> = members.map_err(|error| wrong(error.to_string()))?;
    if members.is_empty() {
        return Err(wrong("its front is empty".to_owned()));
    }
    Ok(members.into_iter().map(|member| member.formula).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fmt::Write;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn time_is_linear_in_the_formulas_of_a_file() {
        const COUNT: usize = 100_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("formulas.txt");
        let mut lines = String::new();
        for number in 0..COUNT {
            writeln!(lines, "params * {number}").unwrap();
        }
        std::fs::write(&path, &lines).unwrap();
        let file = format!("@{}", path.display());
        let start = Instant::now();
        assert_eq!(Proxy::read_all(&[&file]).unwrap().len(), COUNT);
        // Comparing each name with all others took a minute.
        assert!(start.elapsed() < Duration::from_secs(20));
        let again = Proxy::read_all(&[&file, "params * 7"]).unwrap_err();
        assert!(matches!(again, Error::GivenTwice { .. }), "{again}");
    }
}
