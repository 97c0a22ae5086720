//! A pretrained model of full size beside what transformers computes of it.
//!
//! Real weights are not committed. The test looks for a folder in `$LPZERO_REAL_MODEL`, with
//! the `expected.safetensors` in it that `tools/dump_real.py` writes; without one it prints
//! `SKIPPED`.
#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use lpzero_arch::{Reading, read_architecture};
use lpzero_nn::{
    Batch, Network, Objective, Role, Site, Stored, Symbol, TensorView, Visitor, Workspace,
    read_safetensors,
};

/// Largest difference of a logit. Those of language models lie between -30 and 30.
const OF_LOGITS: f32 = 1e-3;
/// Largest relative difference of the perplexity.
const OF_PERPLEXITY: f64 = 1e-3;

/// The last rows of the logits that a pass shows.
#[derive(Default)]
struct Logits {
    vocabulary: usize,
    all: Vec<f32>,
}

impl Visitor<f32> for Logits {
    fn wants(&self, site: Site, symbol: Symbol) -> bool {
        site.role == Role::Head && symbol == Symbol::A
    }

    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        if site.role == Role::Head && symbol == Symbol::A {
            self.vocabulary = *tensor.shape.last().unwrap();
            self.all.extend_from_slice(tensor.data);
        }
    }
}

impl Logits {
    fn row(&self, position: usize) -> &[f32] {
        &self.all[position * self.vocabulary..][..self.vocabulary]
    }
}

fn largest(row: &[f32]) -> usize {
    let numbered = row.iter().enumerate();
    numbered.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
}

#[test]
fn perplexity_logits_and_greedy_text_of_a_real_model() {
    let Ok(folder) = std::env::var("LPZERO_REAL_MODEL") else {
        eprintln!("SKIPPED: $LPZERO_REAL_MODEL names no folder of a pretrained model");
        return;
    };
    let folder = PathBuf::from(folder);
    let expected = read_safetensors::<f64>(&folder.join("expected.safetensors")).unwrap();
    let tokens = |name: &str| -> Vec<u32> {
        let (_, data) = &expected[name];
        data.iter().map(|&token| token as u32).collect()
    };
    let number = |name: &str| expected[name].1[0];
    let architecture = read_architecture(&folder, Reading::AsTrained).unwrap();
    let stored = Stored::open_folder(&folder).unwrap().unwrap();
    let mut workspace = Workspace::<f32>::new();
    let objective = Objective::NextToken;
    let network = Network::loaded(&architecture, objective, &stored, &mut workspace).unwrap();
    let batch = |tokens: Vec<u32>| {
        let length = tokens.len();
        Batch::from_tokens(tokens, 1, length, architecture.vocabulary).unwrap()
    };

    // Logits of the last positions of sequences longer than any window.
    for (name, (shape, logits)) in &expected {
        let Some(number) = name.strip_prefix("logits.") else {
            continue;
        };
        let sequence = tokens(&format!("tokens.{number}"));
        let mut seen = Logits::default();
        // A pass predicts all tokens but the first: one more shows the logits of the last.
        let longer = [&sequence[..], &sequence[..1]].concat();
        network
            .pass_with(&batch(longer), &mut seen, &mut workspace)
            .unwrap();
        let (count, mut worst) = (shape[0], 0.0f32);
        for (row, theirs) in logits.chunks_exact(shape[1]).enumerate() {
            let ours = seen.row(sequence.len() - count + row);
            let differences = ours.iter().zip(theirs);
            worst = differences.fold(worst, |worst, (a, b)| worst.max((a - *b as f32).abs()));
        }
        eprintln!("logits.{number}: {count} positions, largest difference {worst:e}");
        assert!(worst < OF_LOGITS, "{name}: {worst:e}");
    }

    // What transformers chose greedily is what we choose at every position.
    let mut prompts = BTreeMap::new();
    for name in expected.keys() {
        if let Some(number) = name.strip_prefix("greedy.") {
            prompts.insert(number.to_owned(), tokens(name));
        }
    }
    assert_eq!(prompts.len(), 5);
    for (prompt, sequence) in prompts {
        let begun = number(&format!("begun.{prompt}")) as usize;
        let mut seen = Logits::default();
        network
            .pass_with(&batch(sequence.clone()), &mut seen, &mut workspace)
            .unwrap();
        let ours: Vec<u32> = (begun..sequence.len())
            .map(|position| largest(seen.row(position - 1)) as u32)
            .collect();
        assert_eq!(ours, sequence[begun..], "prompt {prompt}");
        eprintln!("greedy.{prompt}: {} tokens are the same", ours.len());
    }

    // Perplexity over windows, each of which begins with the same first token.
    let text = tokens("text");
    let window = number("window") as usize;
    let first = text[0];
    let (mut nats, mut scored) = (0.0, 0);
    for part in text[1..].chunks(window - 1) {
        let sequence: Vec<u32> = std::iter::once(first).chain(part.iter().copied()).collect();
        let found = network
            .log_likelihoods(&batch(sequence), &mut workspace)
            .unwrap();
        nats -= found.iter().sum::<f64>();
        scored += found.len();
    }
    let (ours, theirs) = ((nats / scored as f64).exp(), number("perplexity"));
    eprintln!("perplexity of {scored} tokens: {ours:.6}, theirs {theirs:.6}");
    assert!((ours / theirs - 1.0).abs() < OF_PERPLEXITY);
}
