//! Validated settings: what arguments come to once names are resolved and contradictions
//! refused. Paths mean the same in any folder, because runs keep settings to go on with.

mod architecture;
mod formula;
mod names;
mod pass;
mod paths;
mod space;
mod truth;

use anyhow::Result;
use lpzero::Proxy;

pub use architecture::read_architecture;
pub use formula::Formula;
pub use pass::PassSettings;
pub use paths::absolute;
pub use space::no_space;
pub use truth::{absolute_source, named_source, read_truth, truth_source, truth_sources};

use super::failure::{Failure, failed};

/// The proxies that `--proxy` names: names, formulas, and `@` before a file or run.
pub fn proxies(texts: &[String]) -> Result<Vec<Proxy>> {
    Proxy::read_all(texts).map_err(|error| match error {
        error @ (lpzero::Error::NoFormulas { .. } | lpzero::Error::GivenTwice { .. }) => {
            Failure::place(format_args!("--proxy {error}"))
        }
        error => failed(error),
    })
}

/// The one proxy that `--proxy` names.
pub fn one_proxy(text: &str) -> Result<Proxy> {
    let mut named = proxies(&[text.to_owned()])?.into_iter();
    match (named.next(), named.next()) {
        (Some(proxy), None) => Ok(proxy),
        _ => Err(Failure::typed(format_args!(
            "--proxy {text}: holds several formulas; expected one"
        ))),
    }
}
