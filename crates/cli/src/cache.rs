//! `lpzero cache`: traces that are kept for later commands.

use std::io::Write;

use anyhow::Result;
use lpzero::trace::TraceStore;
use serde_json::json;

use super::arguments::{Cache, CacheAction};
use super::failure::{Failure, failed};
use super::output::print_json;
use super::session::Session;

pub fn run(session: &Session, arguments: &Cache) -> Result<()> {
    let store = session.store().ok_or_else(|| {
        Failure::typed("no cache folder is known on this machine, or --no-cache is given; expected --cache DIR")
    })?;
    let document = match arguments.action {
        CacheAction::Path => json!({ "path": store.folder() }),
        CacheAction::Size => size(&store)?,
        CacheAction::Clean => clean(&store)?,
    };
    if session.json {
        return print_json(&document);
    }
    let out = &mut std::io::stdout().lock();
    let folder = store.folder().display();
    let number = |key: &str| document[key].as_u64().unwrap_or_default();
    let files = |key: &str, bytes: &str| {
        let (count, bytes) = (number(key), number(bytes) as f64 / 1e6);
        let noun = if count == 1 { "file" } else { "files" };
        format!("{count} {noun}, {bytes:.1} MB")
    };
    match arguments.action {
        CacheAction::Path => writeln!(out, "{folder}")?,
        CacheAction::Size => {
            let limit = store.limit() as f64 / 1e6;
            writeln!(
                out,
                "{folder}: {} of at most {limit:.1} MB",
                files("files", "bytes")
            )?;
        }
        CacheAction::Clean => {
            writeln!(out, "{folder}: {} removed", files("files", "bytes"))?;
            if number("left") > 0 {
                let left = files("left", "left_bytes");
                writeln!(out, "{left} left, which other processes use")?;
            }
        }
    }
    Ok(())
}

fn size(store: &TraceStore) -> Result<serde_json::Value> {
    let stored = store
        .size()
        .map_err(|error| failed(lpzero::Error::Trace(error)))?;
    Ok(json!({
        "path": store.folder(),
        "files": stored.files,
        "bytes": stored.bytes,
        "limit": store.limit(),
    }))
}

fn clean(store: &TraceStore) -> Result<serde_json::Value> {
    let (removed, left) = store
        .clean()
        .map_err(|error| failed(lpzero::Error::Trace(error)))?;
    Ok(json!({
        "path": store.folder(),
        "files": removed.files,
        "bytes": removed.bytes,
        "left": left.files,
        "left_bytes": left.bytes,
    }))
}
