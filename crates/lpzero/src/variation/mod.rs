//! Variations of what must not matter, as declared data: whoever asks which of two shapes is
//! better asks about no seed, minibatch, text or vocabulary.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lpzero_arch::Architecture;
use lpzero_search::stability::{Movement, movements};
use lpzero_trace::{ArchitectureKey, Trace};
use serde::Serialize;

use crate::{Error, Networks, Pass, Proxy, Repetition, Workbench};

/// One thing that must not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variation {
    /// Name, in reports.
    pub name: &'static str,
    /// What it changes, for people.
    pub what: &'static str,
    change: Change,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Initialisation,
    Minibatch,
    Text,
    Vocabulary(usize),
}

/// The variations. The first is another seed, which others are compared with.
pub const VARIATIONS: [Variation; 4] = [
    Variation {
        name: "initialisation",
        what: "other initial weights",
        change: Change::Initialisation,
    },
    Variation {
        name: "minibatch",
        what: "other tokens, in twice as many sequences of half the length",
        change: Change::Minibatch,
    },
    Variation {
        name: "text",
        what: "words of an English speech in place of draws by Zipf's law, or the other way round",
        change: Change::Text,
    },
    Variation {
        name: "vocabulary",
        what: "1,024 tokens of vocabulary",
        change: Change::Vocabulary(1024),
    },
];

/// The Gettysburg Address (Abraham Lincoln, 1863), which is in the public domain.
const ENGLISH: &str = include_str!("english.txt");

/// Networks of a ground truth that are run again: the smallest, so many at most.
pub const MOST_NETWORKS: usize = 20;

/// Networks that are run again whatever their size.
const LEAST_NETWORKS: usize = 8;

/// Parameters that the networks that are run again have together, at most, where somebody
/// asks how a proxy moves.
const MOST_PARAMETERS: u64 = 1_000_000_000;

/// The same in a search, which is to answer within a minute.
const MOST_PARAMETERS_SEARCHED: u64 = 120_000_000;

/// Traces of some networks of a ground truth under every variation.
#[derive(Clone, Debug)]
pub(crate) struct VariedTraces {
    /// The networks, by number in the ground truth.
    pub networks: Vec<usize>,
    /// By variation, then network.
    pub traces: Vec<Vec<Trace>>,
}

/// How a ranking by a proxy moves with what must not matter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProxyMovements {
    /// The proxy.
    pub proxy: String,
    /// Number of networks, the smallest of the ground truth.
    pub n: usize,
    /// A row per variation; none where a score is not finite.
    pub movements: Vec<Movement>,
}

impl Variation {
    /// Whether it is another seed and nothing else.
    pub fn is_seed(&self) -> bool {
        self.change == Change::Initialisation
    }

    /// The workbench and the networks with this thing changed.
    fn of(&self, workbench: &Workbench, networks: &Networks) -> (Workbench, Networks) {
        let (pass, own) = (workbench.pass().clone(), workbench.repetition());
        let workbench = workbench.clone();
        match self.change {
            Change::Initialisation => {
                let init = own.init + 1;
                let other = workbench.with_repetition(Repetition { init, ..own });
                (other, networks.clone())
            }
            Change::Minibatch => {
                let halved = Pass {
                    batch: 2 * pass.batch,
                    // A loss of the next token needs two.
                    positions: (pass.positions / 2).max(pass.positions.min(2)),
                    ..pass
                };
                let other = Repetition {
                    batch: own.batch + 1,
                    batches: own.batches.max(own.batch + 2),
                    ..own
                };
                let workbench = workbench.with_pass(halved).with_repetition(other);
                (workbench, networks.clone())
            }
            Change::Text => {
                let smallest = networks.architectures().iter();
                let smallest = smallest.map(|architecture| architecture.vocabulary).min();
                let tokens = pass.batch.saturating_mul(pass.positions);
                let text = match pass.text {
                    Some(_) => None,
                    None => Some(english(tokens, smallest.unwrap_or(1))),
                };
                (workbench.with_pass(Pass { text, ..pass }), networks.clone())
            }
            Change::Vocabulary(tokens) => {
                let names = networks.ids().iter().cloned();
                let others = networks.architectures().iter();
                let others = others.map(|architecture| with_vocabulary(architecture, tokens));
                let pass = match pass.text {
                    // Tokens of another vocabulary are not those of this one.
                    Some(_) => Pass { text: None, ..pass },
                    None => pass,
                };
                (workbench.with_pass(pass), names.zip(others).collect())
            }
        }
    }
}

impl Workbench {
    /// Traces of the smallest networks under every variation.
    ///
    /// # Errors
    /// As [`traces`](Self::traces).
    pub(crate) fn varied_traces(
        &self,
        source: &str,
        networks: &Networks,
    ) -> Result<VariedTraces, Error> {
        let smallest = smallest(networks.architectures(), MOST_PARAMETERS_SEARCHED);
        let some = networks.subset(smallest.iter().copied());
        let trace = |variation: &Variation| {
            let (workbench, networks) = variation.of(self, &some);
            workbench.traces(&format!("{source} {}", variation.name), &networks)
        };
        let traces = VARIATIONS.iter().map(trace).collect::<Result<_, _>>()?;
        Ok(VariedTraces {
            networks: smallest,
            traces,
        })
    }

    /// How rankings by proxies move with what must not matter, on the smallest of these
    /// networks, scored on whole tensors.
    ///
    /// # Errors
    /// As [`exact_scores`](Self::exact_scores).
    pub fn movements(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
    ) -> Result<Vec<ProxyMovements>, Error> {
        let some = networks.subset(smallest(networks.architectures(), MOST_PARAMETERS));
        let base = self.exact_scores(&some, proxies)?;
        let scores = |variation: &Variation| {
            let (workbench, networks) = variation.of(self, &some);
            workbench.exact_scores(&networks, proxies)
        };
        let varied = VARIATIONS.iter().map(scores);
        let varied = varied.collect::<Result<Vec<Vec<Vec<f64>>>, _>>()?;
        let seed = VARIATIONS.iter().find(|variation| variation.is_seed());
        let row = |(number, proxy): (usize, &Proxy)| {
            let columns = VARIATIONS.iter().zip(&varied);
            let columns: Vec<(&str, Vec<f64>)> = columns
                .map(|(variation, scores)| (variation.name, scores[number].clone()))
                .collect();
            let all = columns.iter().flat_map(|(_, column)| column);
            let finite = all.chain(&base[number]).all(|score| score.is_finite());
            ProxyMovements {
                proxy: proxy.name.clone(),
                n: some.len(),
                movements: match finite {
                    true => movements(&base[number], &columns, seed.map(|seed| seed.name)),
                    false => Vec::new(),
                },
            }
        };
        Ok(proxies.iter().enumerate().map(row).collect())
    }
}

/// The smallest networks, no two of them equal, smallest first, of so many parameters
/// together at most.
fn smallest(architectures: &[Architecture], most_parameters: u64) -> Vec<usize> {
    let size = |&index: &usize| architectures[index].parameters().total();
    let mut order: Vec<usize> = (0..architectures.len()).collect();
    order.sort_by_cached_key(size);
    let mut known = HashSet::new();
    order.retain(|&index| known.insert(ArchitectureKey::of(&architectures[index])));
    order.truncate(MOST_NETWORKS);
    let mut parameters = 0;
    let mut place = 0;
    order.retain(|index| {
        parameters += u64::try_from(size(index)).unwrap_or(u64::MAX);
        place += 1;
        place <= LEAST_NETWORKS || parameters <= most_parameters
    });
    order
}

/// A network with another vocabulary: clusters of tokens keep their shares of it.
fn with_vocabulary(architecture: &Architecture, tokens: usize) -> Architecture {
    let mut other = architecture.clone();
    let before = architecture.vocabulary.max(1);
    // One that has as few already gets half.
    let clusters = architecture.embedding.cutoffs.len();
    let tokens = if tokens < before { tokens } else { before / 2 };
    let tokens = tokens.max(clusters).max(2);
    other.vocabulary = tokens;
    let mut least = 0;
    for (place, cutoff) in other.embedding.cutoffs.iter_mut().enumerate() {
        let left = clusters - 1 - place;
        let share = (*cutoff as u128 * tokens as u128 / before as u128) as usize;
        *cutoff = share.clamp(least + 1, tokens - left);
        if left == 0 {
            *cutoff = tokens;
        }
        least = *cutoff;
    }
    other
}

/// So many words of an English text, for any vocabulary: the most frequent word is token 0,
/// as in a draw by Zipf's law. The text is repeated where it is too short.
fn english(tokens: usize, vocabulary: usize) -> Arc<[u32]> {
    let words = || {
        let words = ENGLISH.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty())
    };
    let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
    for (place, word) in words().enumerate() {
        counts.entry(word.to_lowercase()).or_insert((0, place)).0 += 1;
    }
    let mut order: Vec<(&String, &(usize, usize))> = counts.iter().collect();
    order.sort_by_key(|(_, (count, first))| (usize::MAX - count, *first));
    let ranks = order.iter().enumerate();
    let ranks: HashMap<&str, usize> = ranks.map(|(rank, (word, _))| (&word[..], rank)).collect();
    let rank = |word: &str| ranks.get(&word.to_lowercase()[..]).copied();
    let text: Vec<u32> = words()
        .filter_map(rank)
        .map(|rank| (rank % vocabulary.max(1)) as u32)
        .collect();
    let length = tokens.max(text.len());
    text.into_iter().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use lpzero_truth::embedded;

    use super::*;

    #[test]
    fn a_text_of_words_has_the_most_frequent_word_first_and_fits_any_vocabulary() {
        let text = english(1000, 50_000);
        assert_eq!(text.len(), 1000);
        let counts = |token: u32| text.iter().filter(|&&word| word == token).count();
        // "that" stands thirteen times in the speech, more often than any other word.
        assert!(counts(0) > counts(40) && counts(0) >= 13);
        assert!(english(10, 7).iter().all(|&token| token < 7));
    }

    #[test]
    fn the_vocabulary_is_cut_and_its_clusters_with_it() {
        let truth = embedded("tiny").unwrap().read().unwrap();
        let mut architecture = truth.entries[0].architecture.clone();
        architecture.vocabulary = 267_735;
        architecture.embedding.cutoffs = vec![19_997, 39_997, 199_997, 267_735];
        let cut = with_vocabulary(&architecture, 1024);
        assert_eq!(cut.embedding.cutoffs, [76, 152, 764, 1024]);
        assert_eq!(cut.vocabulary, 1024);
        architecture.vocabulary = 6;
        architecture.embedding.cutoffs = vec![1, 2, 3, 6];
        let cut = with_vocabulary(&architecture, 1024);
        assert_eq!(cut.embedding.cutoffs, [1, 2, 3, 4]);
    }

    #[test]
    fn counts_of_blocks_do_not_move_and_the_count_of_all_parameters_moves_with_vocabulary() {
        let mut truth = embedded("tiny").unwrap().read().unwrap();
        truth.entries.truncate(30);
        let small = Networks::from(&truth);
        // As many tokens as real decoders have: embeddings then are most of a network.
        for entry in &mut truth.entries {
            entry.architecture.vocabulary = 50_000;
            entry.architecture.embedding.cutoffs = vec![50_000];
        }
        let large = Networks::from(&truth);
        let workbench = Workbench::new(1).unwrap().with_pass(Pass {
            batch: 1,
            positions: 16,
            ..Pass::default()
        });
        let reordered = |networks: &Networks, proxy: &str| {
            let proxy = Proxy::parse(proxy).unwrap();
            let found = workbench.movements(networks, &[proxy]).unwrap().remove(0);
            assert_eq!(found.n, MOST_NETWORKS);
            let movements = found.movements.iter();
            movements
                .map(|movement| movement.reordered)
                .collect::<Vec<f64>>()
        };
        assert_eq!(reordered(&large, "decoder_params"), [0.0; 4]);
        let params = reordered(&large, "params");
        assert_eq!(params[..3], [0.0; 3]);
        assert!(params[3] > 0.0, "{params:?}");
        let gradients = reordered(&small, "grad_norm");
        assert!(gradients.iter().all(|&share| share > 0.0), "{gradients:?}");
    }
}
