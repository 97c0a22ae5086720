//! `lpzero doctor`: what this machine has for us, in one look.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Result;
use lpzero::truth::{EMBEDDED, KNOWN, TruthSource};
use serde_json::{Value, json};

use super::output::print_json;
use super::places::data_folders;
use super::plain::{line, stdout};
use super::provenance::{COMMIT, machine};
use super::session::Session;

/// Where published ground truths are fetched from.
const HOST: &str = "github.com";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn run(session: &Session, offline: bool) -> Result<()> {
    let rows = rows(session, offline);
    if session.json {
        let document: serde_json::Map<String, Value> = rows.into_iter().collect();
        return print_json(&document);
    }
    let out = &mut stdout();
    for (name, value) in rows {
        let value = match value {
            Value::String(text) => text,
            Value::Array(items) if items.is_empty() => "none".to_owned(),
            Value::Array(items) => {
                let items = items.iter().map(|item| item.as_str().unwrap_or_default());
                items.collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        writeln!(out, "{name:<16}{}", line(&value))?;
    }
    Ok(())
}

fn rows(session: &Session, offline: bool) -> Vec<(String, Value)> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Value| rows.push((name.to_owned(), value));
    row("version", json!(env!("CARGO_PKG_VERSION")));
    row(
        "commit",
        json!(COMMIT.unwrap_or("not known: this build was not told")),
    );
    row("machine", json!(machine()));
    row("threads", json!(session.threads()));
    row(
        "memory",
        json!(memory().unwrap_or_else(|| "not known".to_owned())),
    );
    let cache = session.store().map(|store| {
        let size = store.size().map(|size| size.bytes);
        let size = size.map_or_else(
            |error| error.to_string(),
            |bytes| format!("{:.1} MB", bytes as f64 / 1e6),
        );
        format!("{}, {size}", store.folder().display())
    });
    row("cache", json!(cache.unwrap_or_else(|| "none".to_owned())));
    let built_in: Vec<&str> = EMBEDDED.iter().map(|truth| truth.name).collect();
    let folders = data_folders();
    let is_here = |name: &&str| {
        let source = TruthSource::new(*name);
        source.path(&folders).exists()
    };
    let known = KNOWN.iter().map(|known| known.name);
    let (here, away): (Vec<&str>, Vec<&str>) = known
        .filter(|name| !built_in.contains(name))
        .partition(is_here);
    row("built in", json!(built_in));
    row("data here", json!(here));
    row("data elsewhere", json!(away));
    let folders: Vec<String> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    row("data folders", json!(folders));
    row(
        "network",
        json!(match () {
            () if offline => "not asked".to_owned(),
            () => match reach() {
                Ok(()) => format!("{HOST} answers"),
                Err(error) =>
                    format!("{HOST} does not answer: {error}; only `lpzero truth fetch` needs it"),
            },
        }),
    );
    rows
}

fn reach() -> std::io::Result<()> {
    // Names are looked up without a limit of time, so elsewhere.
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let reached = (HOST, 443).to_socket_addrs().and_then(|mut addresses| {
            let address = addresses.next().ok_or(std::io::ErrorKind::NotFound)?;
            TcpStream::connect_timeout(&address, PATIENCE).map(drop)
        });
        let _ = send.send(reached);
    });
    let timeout = |_| Err(std::io::ErrorKind::TimedOut.into());
    receive.recv_timeout(PATIENCE).unwrap_or_else(timeout)
}

/// Memory that is free, of all there is, where the system says so in a file.
fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |key: &str| -> Option<f64> {
        let line = text.lines().find(|line| line.starts_with(key))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes * 1024.0 / 1e9)
    };
    Some(format!(
        "{:.1} GB free of {:.1} GB",
        bytes("MemAvailable:")?,
        bytes("MemTotal:")?
    ))
}
