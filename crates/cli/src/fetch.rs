//! `lpzero truth fetch`: downloads a published ground truth.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use lpzero::truth::{FetchError, FetchOptions, Fetching, KNOWN, fetch, known};

use super::arguments::Fetch;
use super::failure::Failure;
use super::output::print_json;
use super::places::{data_folder, variable};
use super::plain::{line, stdout};
use super::session::Session;

pub fn run(session: &Session, arguments: &Fetch) -> Result<()> {
    let Some(known) = known(&arguments.name) else {
        if lpzero::truth::embedded(&arguments.name).is_some() {
            return Err(Failure::input(format_args!(
                "{}: built in, there is nothing to fetch",
                arguments.name
            )));
        }
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        return Err(Failure::typed(format_args!(
            "{}: no published ground truth of this name, expected {}",
            arguments.name,
            names.join(" or ")
        )));
    };
    let folder = (arguments.folder.clone())
        .or_else(|| variable("LPZERO_DATA").map(PathBuf::from))
        .or_else(data_folder);
    let folder = folder.ok_or_else(|| {
        Failure::typed("no data folder is known on this machine, expected --folder DIR")
    })?;
    let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let options = FetchOptions {
        from: arguments.from.clone(),
        proxy: (proxies.iter().find_map(|name| variable(name)))
            .map(|proxy| proxy.to_string_lossy().into_owned()),
        ..FetchOptions::default()
    };
    let task = session.watch.task("fetching");
    let progress = |Fetching { done, total }| task.at(done as f64 / total.max(1) as f64, "");
    let fetched = fetch(known, &folder, &options, &progress, &session.cancel);
    drop(task);
    let path = fetched.map_err(|error| match error {
        FetchError::Cancelled => Failure::interrupted(known.name),
        FetchError::Proxy { .. } | FetchError::NotPinned { .. } => Failure::input(error),
        other => other.into(),
    })?;
    if session.json {
        return print_json(&serde_json::json!({ "truth": known.name, "path": path }));
    }
    writeln!(
        stdout(),
        "{}: {} ({}; licence {})",
        known.name,
        line(&path.display().to_string()),
        known.published,
        known.licence
    )?;
    Ok(())
}
