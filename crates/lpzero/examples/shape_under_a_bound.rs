//! Chooses the shape of a network that may have no more than 100 000 parameters.
//!
//!     cargo run --release -p lpzero --example shape_under_a_bound
#![allow(clippy::print_stdout)] // It is what an example is for.

use lpzero::arch::Space;
use lpzero::nas::{Bound, Budget, Cost};
use lpzero::shapes::NasOptions;
use lpzero::{Proxy, Workbench};

fn main() -> Result<(), lpzero::Error> {
    let space = Space::read("tiny".as_ref())?;
    let mut options = NasOptions::new(space, Proxy::parse("synaptic_saliency")?);
    options.budget = Budget::Evaluations(64);
    options.bounds.push(Bound {
        cost: Cost::Params,
        least: f64::NEG_INFINITY,
        most: 100_000.0,
    });
    let report = Workbench::new(0)?.nas(&options)?;
    for member in &report.front {
        println!(
            "{:>7} parameters  {:.4e}",
            member.costs.params, member.score
        );
        for (variable, choice) in &member.choices {
            println!("    {variable} {choice}");
        }
    }
    Ok(())
}
