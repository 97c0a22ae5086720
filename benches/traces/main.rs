//! How fast traces of a ground truth are made, beside what memory allows.
//!
//!     cargo bench -p lpzero-trace --bench traces -- --truth PATH --batch 4 --positions 64
//!
//! One line of JSON: seconds of all traces, parameters, nanoseconds a parameter, and in the
//! same run nanoseconds of copying one number (STREAM copy), of writing one, and of drawing
//! one normal number, all on the same threads.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use lpzero_nn::{Fill, Initial, Request, Seeded, Source};
use lpzero_run::Cancel;
use lpzero_trace::{DEFAULT_MEMORY, Resources, TraceSpec, build_traces};
use lpzero_truth::TruthSource;
use rayon::prelude::*;

#[derive(Parser)]
struct Arguments {
    /// Ground truth, by name or path.
    #[arg(long, default_value = "openlm")]
    truth: String,
    /// Sequences per minibatch.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Tokens per sequence.
    #[arg(long, default_value_t = 64)]
    positions: usize,
    /// Only so many architectures.
    #[arg(long)]
    first: Option<usize>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let arguments = Arguments::parse();
    let truth = TruthSource::new(&arguments.truth).read(&[]).unwrap();
    let mut architectures: Vec<_> = truth
        .entries
        .iter()
        .map(|entry| entry.architecture.clone())
        .collect();
    architectures.truncate(arguments.first.unwrap_or(usize::MAX));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build()
        .unwrap();
    let pool = Arc::new(pool);
    let mut spec = TraceSpec::new("bench", 0);
    (spec.batch, spec.positions) = (arguments.batch, arguments.positions);
    let resources = Resources {
        pool: &pool,
        cache: None,
        memory: 2 * DEFAULT_MEMORY,
        weights: &[],
        progress: &|_| {},
        bands: false,
        beside: &|_| 0,
        cancel: &Cancel::new(),
    };
    let start = Instant::now();
    let traces = build_traces(&architectures, &spec, resources).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let bytes: usize = traces.iter().map(|trace| trace.to_bytes().len()).sum();
    let parameters: u128 = architectures
        .iter()
        .map(|architecture| architecture.parameters().total())
        .sum();
    let [copy, write, normal] = pool.install(memory);
    println!(
        "{}",
        serde_json::json!({
            "truth": arguments.truth, "batch": arguments.batch, "positions": arguments.positions,
            "networks": architectures.len(), "parameters": parameters as f64, "seconds": seconds,
            "ns_per_parameter": 1e9 * seconds / parameters as f64, "trace_megabytes": bytes as f64 / 1e6,
            "ns_copy": copy, "ns_write": write, "ns_normal": normal,
            "parameter_over_copy": 1e9 * seconds / parameters as f64 / copy,
            "normal_over_write": normal / write,
        })
    );
}

/// Nanoseconds a number of copying, of writing, and of drawing 50 million.
fn memory() -> [f64; 3] {
    const NUMBERS: usize = 50_000_000;
    const TIMES: usize = 7;
    let piece = NUMBERS.div_ceil(rayon::current_num_threads());
    let from = vec![1.0f32; NUMBERS];
    let mut to = vec![0.0f32; NUMBERS];
    let mut best = [f64::INFINITY; 3];
    for _ in 0..TIMES {
        let mut time = |which: usize, work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            best[which] = best[which].min(1e9 * start.elapsed().as_secs_f64() / NUMBERS as f64);
        };
        time(0, &mut || {
            to.par_chunks_mut(piece)
                .zip(from.par_chunks(piece))
                .for_each(|(to, from)| to.copy_from_slice(from));
            black_box(&mut to);
        });
        time(1, &mut || {
            to.par_chunks_mut(piece)
                .for_each(|to| to.fill(black_box(2.0)));
            black_box(&mut to);
        });
        let (name, shape) = ("embedding.0.table", [NUMBERS]);
        let request = Request {
            name,
            shape: &shape,
            within: &shape,
            initial: Initial::Normal { deviation: 0.02 },
        };
        time(2, &mut || {
            Seeded(0).fill(&request, Fill::here(), &mut to).unwrap();
            black_box(&mut to);
        });
    }
    best
}
