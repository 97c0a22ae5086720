//! Finds a proxy on the built-in ground truth, and says how good it is on networks that
//! the search did not see.
//!
//!     cargo run --release -p lpzero --example search
#![allow(clippy::print_stdout)] // It is what an example is for.

use lpzero::search::Budget;
use lpzero::{SearchOptions, Study};

fn main() -> Result<(), lpzero::Error> {
    let study = Study::open("tiny")?;
    let mut options = SearchOptions::default();
    options.settings.budget = Budget::Evaluations(500);
    let found = study.search(&options)?.report;
    println!("{}", found.best.formula);
    println!("search tau {:?}", found.verdict.search.tau);
    println!("test tau   {:?}", found.verdict.test.tau);
    for baseline in &found.verdict.test.baselines {
        println!("  {}  {:?}", baseline.name, baseline.tau);
    }
    Ok(())
}
