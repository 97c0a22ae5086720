//! Scores a Hugging Face folder with the weights that it holds.
//!
//!     cargo run --release -p lpzero --example score_folder [FOLDER]
#![allow(clippy::print_stdout)] // It is what an example is for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lpzero::arch::{Reading, read_architecture};
use lpzero::nn::Stored;
use lpzero::{Networks, Proxy, Repeats, Workbench};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = given.unwrap_or_else(|| {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        crates.join("nn/tests/fixtures/checkpoints/llama")
    });
    let architecture = read_architecture(&folder, Reading::default())?;
    let mut networks = Networks::new();
    match Stored::open_folder(&folder)? {
        Some(weights) => networks.add_weighted("llama", architecture, Arc::new(weights)),
        None => networks.add("llama", architecture),
    }
    let proxies = Proxy::read_all(&["params", "snip", "grad_norm"])?;
    let mut workbench = Workbench::new(0)?;
    let mut pass = workbench.pass().clone();
    (pass.batch, pass.positions) = (1, 16);
    workbench = workbench.with_pass(pass);
    let scores = workbench.score(&networks, &proxies, Repeats::ONE)?;
    for (proxy, column) in scores.proxies.iter().zip(&scores.columns) {
        println!("{proxy:<10} {}", column[0]);
    }
    Ok(())
}
