//! A pretrained decoder cut to shares of the parameters of its blocks: the loss on other text of
//! the sub-networks that proxies choose, beside uniform cuts, blocks removed from the end, and
//! random cuts; with channels and heads as they are, and sorted by Taylor's expansion (`snip`).
//!
//!     cargo bench -p lpzero --bench cut -- --folder FOLDER --text TEXT > cut.jsonl
//!
//! The first half of the text is what networks are chosen on, the second half what they are
//! tested on. A line of JSON for each sub-network, then one for each order with how well the
//! restricted scores rank the losses of the random cuts.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use lpzero::arch::{Architecture, Document, Reading, Space, read_architecture};
use lpzero::nas::{Bound, Cost};
use lpzero::nn::{Batch, Network, Objective, Ordered, Prefixes, Source, Stored};
use lpzero::supernet::{Restricted, Supernet, SupernetWeights};
use lpzero::trace::Weights;
use lpzero::{Pass, Proxy, Workbench};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use serde_json::json;

/// Bytes that the whole network may take.
const MEMORY: u64 = 16 << 30;
const SHARES: [f64; 4] = [0.9, 0.8, 0.7, 0.6];
/// Proxies that add over sites: Taylor's expansion, magnitude of weights, gradients, the
/// activations of the hidden channels, and what is shipped.
const PROXIES: [&str; 6] = [
    "snip",
    "sum(sum(abs(W)))",
    "sum(sum(square(W)))",
    "sum(sum(abs(G)))",
    "sum[ffn-in](sum(abs(A)))",
    "lpzero",
];

/// What tells random cuts that are searched on from those that are tested.
const SEARCH: u64 = 1 << 32;

/// Formulas that add over sites: sums of powers of one symbol, over one role or all.
fn candidates() -> impl Iterator<Item = String> {
    let roles = ["", "[ffn-in]", "[ffn-out]", "[query]", "[value]", "[out]"];
    let terms = [
        "abs(W)",
        "square(W)",
        "abs(G)",
        "square(G)",
        "abs(W*G)",
        "abs(A)",
        "square(A)",
        "abs(D)",
        "square(D)",
    ];
    roles.into_iter().flat_map(move |role| {
        let formula = move |term| format!("sum{role}(sum({term}))");
        terms.into_iter().map(formula)
    })
}

/// Name of the choice by a proxy of the pool.
fn method(number: usize, pool: &[String]) -> String {
    match number < PROXIES.len() {
        true => format!("chosen by {}", pool[number]),
        false => format!("searched: chosen by {}", pool[number]),
    }
}

#[derive(Parser)]
struct Arguments {
    /// A Hugging Face folder with weights and tokenizer.json.
    #[arg(long)]
    folder: PathBuf,
    /// Plain text.
    #[arg(long)]
    text: PathBuf,
    /// Sequences that proxies see.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Tokens of each.
    #[arg(long, default_value_t = 256)]
    positions: usize,
    /// Tokens of the test, in sequences of --positions.
    #[arg(long, default_value_t = 2048)]
    test: usize,
    /// Random cuts of each size.
    #[arg(long, default_value_t = 30)]
    random: usize,
    /// Other random cuts of each size, whose losses a proxy is searched for.
    #[arg(long, default_value_t = 25)]
    searched: usize,
    /// Orders of channels and heads.
    #[arg(long, value_delimiter = ',', default_value = "as it is,sorted")]
    orders: Vec<String>,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Everything that does not change between two orders.
struct Bench {
    arguments: Arguments,
    whole: Architecture,
    space: Space,
    workbench: Workbench,
    /// Of the text that networks are chosen on.
    seen: Vec<Batch>,
    tests: Vec<Batch>,
    pool: rayon::ThreadPool,
}

/// A sub-network and why it was taken.
struct Cut {
    share: f64,
    method: String,
    part: Architecture,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let arguments = Arguments::parse();
    let folder = &arguments.folder;
    let whole = read_architecture(folder, Reading::default()).unwrap();
    let config = Document::read(&folder.join("config.json")).unwrap();
    let space = Space::cut(&config.root()).unwrap();
    let start = config.root().find("bos_token_id");
    let start = start.and_then(|id| id.size().ok()).unwrap_or(0) as u32;
    let tokens = lpzero::text::all_tokens(&arguments.text, &folder.join("tokenizer.json")).unwrap();
    let tokens = tokens.tokens;
    let (chosen_on, tested_on) = tokens.split_at(tokens.len() / 2);
    let length = arguments.positions;
    // Every sequence begins as the model expects.
    let sequences = |tokens: &[u32], count: usize| -> Vec<Vec<u32>> {
        let parts = tokens.chunks_exact(length - 1).take(count);
        parts.map(|part| [&[start][..], part].concat()).collect()
    };
    let workbench = Workbench::new(arguments.threads).unwrap();
    let workbench = workbench.with_memory(MEMORY).with_pass(Pass {
        batch: arguments.batch,
        positions: length,
        objective: None,
        text: Some(sequences(chosen_on, arguments.batch).concat().into()),
    });
    let batches = |sequences: Vec<Vec<u32>>| -> Vec<Batch> {
        let batches = sequences.into_iter();
        let batch = |one| Batch::from_tokens(one, 1, length, whole.vocabulary).unwrap();
        batches.map(batch).collect()
    };
    let tests = batches(sequences(tested_on, arguments.test / length));
    // Half as much is enough for an order of many.
    let seen = batches(sequences(chosen_on, (arguments.test / length / 2).max(1)));
    let threads = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads);
    let bench = Bench {
        seen,
        tests,
        pool: threads.build().unwrap(),
        whole,
        space,
        workbench,
        arguments,
    };
    let stored = Stored::open_folder(&bench.arguments.folder)
        .unwrap()
        .unwrap();
    let stored: Weights = Arc::new(stored);
    let asked = |order: &str| bench.arguments.orders.iter().any(|asked| asked == order);
    if asked("as it is") {
        bench.run("as it is", Arc::clone(&stored));
    }
    if !asked("sorted") {
        return;
    }
    let begin = Instant::now();
    let taylor = Proxy::parse("snip").unwrap();
    let orders = bench
        .workbench
        .orders("the model", &bench.whole, Arc::clone(&stored), &taylor);
    let sorted = Ordered::of(stored, &bench.whole, orders.unwrap()).unwrap();
    println!("{}", json!({"sorting": begin.elapsed().as_secs_f64()}));
    bench.run("sorted", Arc::new(sorted));
}

impl Bench {
    fn run(&self, order: &str, weights: Weights) {
        let source = SupernetWeights::Stored(Arc::clone(&weights));
        let supernet = Supernet::new(&self.space, source, &self.workbench).unwrap();
        let named = PROXIES.map(str::to_owned).into_iter();
        let pool: Vec<String> = named.chain(candidates()).collect();
        let parsed = pool.iter().map(|text| Proxy::parse(text).unwrap());
        let proxies: Vec<Proxy> = parsed.collect();
        let begin = Instant::now();
        let restricted = supernet.restricted(&self.workbench, &proxies).unwrap();
        let pass = begin.elapsed().as_secs_f64();
        let found = self.search(order, &supernet, &restricted, (&pool, &weights));
        let begin = Instant::now();
        let mut cuts = vec![Cut {
            share: 1.0,
            method: "whole".into(),
            part: self.whole.clone(),
        }];
        for share in SHARES {
            let named = (0..PROXIES.len()).chain(found);
            for (number, method) in named.map(|number| (number, method(number, &pool))) {
                let part = self.chosen(&supernet, &restricted, number, share);
                cuts.extend(part.map(|part| Cut {
                    share,
                    method,
                    part,
                }));
            }
            cuts.extend(self.uniform(&supernet, share));
            cuts.extend(self.last_removed(&supernet, share));
            cuts.extend(self.random(&supernet, share, (self.arguments.random, 0)));
        }
        let choosing = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let scores: Vec<Vec<f64>> = (cuts.iter())
            .map(|cut| restricted.scores(&cut.part))
            .collect();
        // Each is printed as soon as it is known: all of them take long.
        let tested = |(cut, scores): (&Cut, &Vec<f64>)| {
            let loss = self.loss(&cut.part, &weights, &self.tests);
            println!("{}", self.line(order, cut, scores, loss));
            loss
        };
        let losses: Vec<f64> =
            (self.pool).install(|| cuts.par_iter().zip(&scores).map(tested).collect());
        let testing = begin.elapsed().as_secs_f64() / cuts.len() as f64;
        let all = cuts.iter().zip(scores).zip(losses);
        let random: Vec<(Vec<f64>, f64, f64)> = all
            .filter(|((cut, _), _)| cut.method == "random")
            .map(|((cut, scores), loss)| (scores, self.size(&cut.part), loss))
            .collect();
        let losses: Vec<f64> = random.iter().map(|(.., loss)| -loss).collect();
        let tau = |scores: Vec<f64>| lpzero::stats::tau(&scores, &losses).ok().flatten();
        let mut taus = BTreeMap::new();
        for number in (0..PROXIES.len()).chain(found) {
            let scores = random.iter().map(|(scores, ..)| scores[number]);
            taus.insert(pool[number].clone(), tau(scores.collect()));
        }
        let params = random.iter().map(|(_, params, _)| *params);
        taus.insert("#Params".to_owned(), tau(params.collect()));
        println!(
            "{}",
            json!({"order": order, "tau of random cuts": taus, "seconds": {
                "pass": pass, "choosing": choosing, "testing each": testing}})
        );
    }

    /// What is known of a sub-network.
    fn line(&self, order: &str, cut: &Cut, scores: &[f64], loss: f64) -> serde_json::Value {
        let scores: BTreeMap<_, _> = PROXIES.iter().zip(scores).collect();
        let hidden = cut.part.blocks.iter().map(|block| match block.left_out {
            true => 0,
            false => block.feed_forward.hidden[0],
        });
        json!({
            "order": order, "share": cut.share, "method": cut.method,
            "decoder_params": self.size(&cut.part), "loss": loss, "scores": scores,
            "blocks": cut.part.kept_blocks().count(),
            "hidden": hidden.collect::<Vec<_>>(),
        })
    }

    fn size(&self, part: &Architecture) -> f64 {
        part.parameters().decoder() as f64
    }

    fn bound(&self, share: f64) -> f64 {
        share * self.size(&self.whole)
    }

    /// The candidate that best orders random cuts of all sizes on the text that is seen.
    fn search(
        &self,
        order: &str,
        supernet: &Supernet<'_>,
        restricted: &Restricted,
        (pool, weights): (&[String], &Weights),
    ) -> Option<usize> {
        let begin = Instant::now();
        let drawn = SHARES.iter().flat_map(|&share| {
            // Other cuts than those that are tested.
            self.random(supernet, share, (self.arguments.searched, SEARCH))
        });
        let cuts: Vec<Cut> = drawn.collect();
        let loss = |cut: &Cut| -self.loss(&cut.part, weights, &self.seen);
        let quality: Vec<f64> = self.pool.install(|| cuts.par_iter().map(loss).collect());
        let scores = cuts.iter().map(|cut| restricted.scores(&cut.part));
        let scores: Vec<Vec<f64>> = scores.collect();
        let taus = (0..pool.len()).map(|number| {
            let scores: Vec<f64> = scores.iter().map(|scores| scores[number]).collect();
            let tau = lpzero::stats::tau(&scores, &quality).ok().flatten();
            tau.filter(|_| restricted.adds(number))
        });
        let taus: Vec<Option<f64>> = taus.collect();
        let ranked = taus.iter().zip(0..);
        let ranked = ranked.filter_map(|(tau, number)| Some(((*tau)?, number)));
        let best = ranked.max_by(|a, b| a.0.total_cmp(&b.0));
        println!(
            "{}",
            json!({"order": order, "searched": cuts.len(), "seconds": begin.elapsed().as_secs_f64(),
                "found": best.map(|(tau, number)| (&pool[number], tau)),
                "taus": pool.iter().zip(&taus).collect::<BTreeMap<_, _>>()})
        );
        best.map(|(_, number)| number)
    }

    /// What a proxy chooses, exactly.
    fn chosen(
        &self,
        supernet: &Supernet<'_>,
        restricted: &Restricted,
        proxy: usize,
        share: f64,
    ) -> Option<Architecture> {
        let bound = Bound {
            cost: Cost::DecoderParams,
            least: 0.0,
            most: self.bound(share),
        };
        let batch = (self.arguments.batch, self.arguments.positions);
        let choices = supernet
            .choices(restricted, proxy, &bound, batch)
            .unwrap()?;
        let best = choices.best(bound.most, 1).into_iter().next()?;
        let (_, part) = supernet.sub_network(&best.choices).ok()?;
        Some(part)
    }

    /// The same share of channels in every block.
    fn uniform(&self, supernet: &Supernet<'_>, share: f64) -> Option<Cut> {
        let options = self.space.block_options().unwrap();
        let depth = self.whole.blocks.len();
        let parts = (0..options.len()).filter_map(|option| {
            let (_, part) = supernet.sub_network(&vec![option; depth]).ok()?;
            let heads = |part: &Architecture| part.blocks[0].mixer.heads();
            let keeps = heads(&part) == heads(&self.whole);
            (keeps && self.size(&part) <= self.bound(share)).then_some(part)
        });
        let part = parts.max_by(|a, b| self.size(a).total_cmp(&self.size(b)))?;
        Some(Cut {
            share,
            method: "uniform".into(),
            part,
        })
    }

    /// Whole blocks, the last ones first.
    fn last_removed(&self, supernet: &Supernet<'_>, share: f64) -> Option<Cut> {
        let options = self.space.block_options().unwrap();
        let depth = self.whole.blocks.len();
        let of = |kept: bool| {
            (0..options.len()).max_by_key(|&option| {
                let mut network = vec![0; depth];
                network[0] = option;
                let block = supernet
                    .sub_network(&network)
                    .map(|(_, part)| part.blocks[0].clone());
                block.map_or(0, |block| {
                    let right = block.left_out != kept;
                    usize::from(right) * (1 + block.feed_forward.hidden[0] * block.mixer.heads())
                })
            })
        };
        let (whole, none) = (of(true)?, of(false)?);
        let part = (0..depth).rev().find_map(|kept| {
            let network: Vec<usize> = (0..depth)
                .map(|layer| if layer < kept { whole } else { none })
                .collect();
            let (_, part) = supernet.sub_network(&network).ok()?;
            (self.size(&part) <= self.bound(share)).then_some(part)
        })?;
        Some(Cut {
            share,
            method: "last blocks removed".into(),
            part,
        })
    }

    /// Random cuts of the largest network until the bound is met.
    fn random(
        &self,
        supernet: &Supernet<'_>,
        share: f64,
        (count, stream): (usize, u64),
    ) -> Vec<Cut> {
        let options = self.space.block_options().unwrap();
        let depth = self.whole.blocks.len();
        let largest = self.space.largest().unwrap();
        let whole = options
            .iter()
            .position(|option| *option == largest.blocks[0])
            .unwrap();
        let seed = self.arguments.seed ^ stream ^ (1000.0 * share) as u64;
        let mut random = StdRng::seed_from_u64(seed);
        let mut cuts = Vec::new();
        while cuts.len() < count {
            let mut network = vec![whole; depth];
            let part = loop {
                // One change of ten takes a whole block away.
                let removes = random.random_bool(0.1);
                let option = random.random_range(0..options.len());
                if (options[option][0] != largest.blocks[0][0]) == removes {
                    network[random.random_range(0..depth)] = option;
                }
                match supernet.sub_network(&network) {
                    Ok((_, part)) if self.size(&part) <= self.bound(share) => break part,
                    _ => {}
                }
            };
            // What fell far below the bound is drawn again.
            if self.size(&part) > self.bound(share - 0.05) {
                cuts.push(Cut {
                    share,
                    method: "random".into(),
                    part,
                });
            }
        }
        cuts
    }

    /// Loss on these sequences, in nats a token.
    fn loss(&self, part: &Architecture, weights: &Weights, text: &[Batch]) -> f64 {
        let source = Prefixes::of(Arc::clone(weights), &self.whole, Objective::NextToken).unwrap();
        let mut workspace = lpzero::nn::Workspace::new();
        let source: &dyn Source<f32> = &source;
        let network = Network::loaded(part, Objective::NextToken, source, &mut workspace).unwrap();
        let (mut nats, mut count) = (0.0, 0);
        for batch in text {
            let found = network.log_likelihoods(batch, &mut workspace).unwrap();
            nats -= found.iter().sum::<f64>();
            count += found.len();
        }
        nats / count as f64
    }
}
