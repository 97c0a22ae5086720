#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
use lpzero::search::{
    Method, Settings,
    budget::{Budget, Control},
    generate::Grammar,
};
use std::sync::atomic::AtomicBool;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (search, budget, splits): (usize, u64, u64) = (
        a[1].parse().unwrap(),
        a[2].parse().unwrap(),
        a[3].parse().unwrap(),
    );
    let truth = lpzero::truth::GroundTruth::read(
        "/work/shared/data/flexibert/BERT_benchmark.json".as_ref(),
        lpzero::arch::Reading::AsTrained,
    )
    .unwrap();
    let home = std::path::PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/lpzero");
    let bench = lpzero::Workbench::new(2, Some(home), 0, lpzero::Pass::default()).unwrap();
    let ids: Vec<String> = truth.entries.iter().map(|e| e.id.to_string()).collect();
    let archs: Vec<_> = truth
        .entries
        .iter()
        .map(|e| e.architecture.clone())
        .collect();
    let cancel = AtomicBool::new(false);
    let traces = bench
        .traces("flexibert as-trained", &ids, &archs, &|_| {}, &cancel)
        .unwrap()
        .traces;
    for split_seed in 0..splits {
        let split = lpzero::split(&truth, search, 50, split_seed).unwrap();
        let run = |method, seed, unary| {
            let settings = Settings {
                seed,
                budget: Budget::Evaluations(budget),
                grammar: Grammar::Paper { unary },
                ..Settings::default()
            };
            let mut p = |_: lpzero::search::budget::Progress<'_>| {};
            let mut control = Control {
                pool: bench.pool(),
                cancel: &cancel,
                progress: &mut p,
            };
            let t = std::time::Instant::now();
            let r = lpzero::find(method, &truth, &traces, &split, &settings, &mut control).unwrap();
            let best = r
                .front
                .iter()
                .filter_map(|f| f.search.rho)
                .fold(0.0f64, |a, b| a.max(b.abs()));
            println!(
                "{} seed {seed} best {best:.5} test rho {:?} evaluated {} canonical {} generated {} {:.1}s  {}",
                method.name(),
                r.test.rho,
                r.counts.evaluated,
                r.counts.canonical,
                r.counts.generated,
                t.elapsed().as_secs_f64(),
                r.front.last().unwrap().formula
            );
        };
        for seed in 0..10 {
            run(Method::Genetic, seed, 2);
        }
        for seed in 0..10 {
            run(Method::Random, seed, 2);
        }
    }
}
