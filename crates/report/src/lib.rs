//! Run folders as one page: pictures and tables for any browser, in one file, without a network.
//!
//! A page is a function of documents that runs left. It computes no result of its own.
//!
//! - [`Run`] is what was read of a run: its document, and tables beside it.
//! - [`Page`] is what a page says: a section per run, its tables, and its pictures as
//!   specifications of [Vega-Lite](https://vega.github.io/vega-lite/), which are data.
//! - The scripts that draw are part of the page. Its content security policy lets just those run,
//!   and lets nothing be fetched. Expressions are walked as trees: there is no `eval`.
//! - Whoever runs no scripts sees the same pictures as SVG.
//!
//! ```
//! use lpzero_report::{Page, Run};
//!
//! let document = r#"{"truth": "tiny", "n": 3, "rows": [
//!     {"proxy": "params", "formula": "params", "same_size": 0.6, "tau": 0.5,
//!      "needs_network": false}]}"#;
//! let run = Run::of_document("ranking", document)?;
//! let page = Page::new(&[run]).to_html();
//! assert!(page.starts_with("<!DOCTYPE html>") && page.contains("params"));
//! # Ok::<(), lpzero_report::Error>(())
//! ```
#![forbid(unsafe_code)]

mod assets;
mod formula;
mod page;
mod section;
mod sections;
mod source;
mod spec;
mod table;
mod value;

pub use formula::Formula;
pub use page::Page;
pub use section::{Part, Section};
pub use sections::{FEWEST_PAIRS, verdict_of_ranking};
pub use source::{Error, Kind, Run};
pub use spec::Figure;
pub use table::{Cell, Column, Format, Table, count};
