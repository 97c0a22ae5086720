//! Writes a proxy of one's own as a formula, reads what it means, and sees how well it
//! ranks.
//!
//!     cargo run --release -p lpzero --example new_proxy
#![allow(clippy::print_stdout)] // It is what an example is for.

use lpzero::{Proxy, Study};

fn main() -> Result<(), lpzero::Error> {
    // Gradients that reach the queries, summed over the blocks.
    let own = Proxy::parse("sum[query](sqrt(sum(abs(D))))")?;
    println!("{}", own.formula);
    println!("needs a network: {}", own.needs_network());
    // A formula that makes no sense says where.
    if let Err(error) = Proxy::parse("sum(mean(W * X))") {
        println!("{error}");
    }
    let study = Study::open("tiny")?;
    for row in &study.rank(&[Proxy::parse("params")?, own])?[0].rows {
        println!("{:<30} tau {:?}", row.proxy, row.tau);
    }
    Ok(())
}
