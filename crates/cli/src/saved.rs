//! Formulas that earlier searches, or the user, left in files.

use std::fs;
use std::path::Path;

use anyhow::Result;
use lpzero::Proxy;
use serde::Deserialize;

use super::failure::Failure;
use super::run_folder::{FRONT, REPORT};

/// One formula of a report.
#[derive(Deserialize)]
struct Member {
    formula: String,
}

/// What a report of a search says of formulas.
#[derive(Deserialize)]
struct Report {
    best: Member,
    front: Vec<Member>,
}

/// The proxies that `--proxy @PATH` means: what the search in a folder found, or
/// what a file holds, be it the report of a search or a list of formulas, one a
/// line (`formula` or `name = formula`; `#` begins a remark).
pub fn proxies(option: &str, path: &Path) -> Result<Vec<Proxy>> {
    let wrong = |message: String| {
        Failure::input(format_args!(
            "--proxy {option}: {message}; expected the folder of a finished search, its report, \
             or a file with one formula a line"
        ))
    };
    let file = match path.is_dir() {
        true => path.join(REPORT),
        false => path.to_owned(),
    };
    let text =
        fs::read_to_string(&file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    if text.trim_start().starts_with('{') {
        let report: Report =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let proxy = named(option, &report.best.formula);
        return Ok(vec![proxy.map_err(|error| wrong(error.to_string()))?]);
    }
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
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

fn named(name: &str, formula: &str) -> Result<Proxy, lpzero::Error> {
    let name = name.to_owned();
    Ok(Proxy {
        name,
        ..Proxy::parse(formula)?
    })
}

/// The formulas of the front of a run, finished or not, for `--from`.
pub fn front(run: &Path) -> Result<Vec<String>> {
    let wrong = |message: String| {
        let run = run.display();
        Failure::input(format_args!(
            "--from {run}: {message}; expected a named proxy, a formula, or the folder of a search"
        ))
    };
    let read = |name: &str| fs::read_to_string(run.join(name));
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
