//! Ranks proxies on a table of your own: an architecture and its loss in every row. The
//! losses of the table beside this file are invented.
//!
//!     cargo run --release -p lpzero --example rank_own_table [TABLE.csv]
#![allow(clippy::print_stdout)] // It is what an example is for.

use std::path::Path;

use lpzero::arch::Reading;
use lpzero::truth::{GroundTruth, TableOptions};
use lpzero::{Proxy, Study, Workbench};

fn main() -> Result<(), lpzero::Error> {
    let given = std::env::args().nth(1);
    let table = given.unwrap_or_else(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        folder.join("examples/data/table.csv").display().to_string()
    });
    let options = TableOptions {
        score_column: Some("loss".into()),
        lower_is_better: true,
        ..TableOptions::default()
    };
    let truth = GroundTruth::read_with(Path::new(&table), Reading::AsTrained, &options, None)?;
    let study = Study::new(vec![truth], Workbench::new(0)?);
    let proxies = Proxy::read_all(&["params", "snip", "sum[ffn](sqrt(mean(abs(D))))"])?;
    for ranking in study.rank(&proxies)? {
        println!("{}: {} architectures", ranking.truth, ranking.n);
        for row in ranking.rows {
            println!("  {:<30} tau {:?} {:?}", row.proxy, row.tau, row.tau_ci);
        }
    }
    Ok(())
}
