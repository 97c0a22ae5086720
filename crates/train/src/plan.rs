//! Plans of ground truths: a space of small decoders, how many of them, and how each is trained.
//! Plans are data, read from a file.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::Path;

use lpzero_arch::{
    Activation, Architecture, Block, Cursor, Document, Embedding, FeedForward, Head,
    Initialisation, Kind, MAX_BLOCKS, NormKind, NormPlacement, PositionWidth, spec,
};
use lpzero_run::seed;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Recipe};

/// The value of `format`.
pub const FORMAT: &str = "lpzero-plan";
/// The version that is written, and the newest that is read.
pub const VERSION: usize = 1;

/// A ground truth to be built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The ground truth's name.
    pub name: String,
    /// How many architectures are drawn.
    pub architectures: usize,
    /// How often each is trained, with seeds from 0.
    pub seeds: u64,
    /// Ranges that they are drawn from.
    pub space: Ranges,
    /// Recipe that each is trained by.
    pub recipe: Recipe,
}

/// Decoders like GPT-2: pre-norm, every block alike, the head tied to the table
/// of tokens. Lists hold what a draw may choose from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    /// Number of tokens.
    pub vocabulary: usize,
    /// Longest sequence.
    pub positions: usize,
    /// Numbers of blocks.
    pub layers: Vec<usize>,
    /// Widths of the residual stream.
    pub width: Vec<usize>,
    /// Numbers of heads.
    pub heads: Vec<usize>,
    /// Hidden widths of the feed-forward networks, over the width.
    pub feed_forward: Vec<f64>,
    /// Whether token embeddings are multiplied by the root of the width.
    pub scale_by_root_width: bool,
    /// Standard deviation of every weight before training.
    pub initial_deviation: f64,
}

/// Most choices of one list, and most architectures of a plan.
const MOST: usize = 100_000;

/// Most blocks of all architectures that are drawn together: they are all in memory.
pub(crate) const MOST_BLOCKS: usize = 4_000_000;

/// One choice per variable, as positions in their lists.
type Choice = [usize; 4];

impl Plan {
    /// Reads a file of format `lpzero-plan`.
    ///
    /// # Errors
    /// [`Error::Truth`] or [`Error::Plan`], naming file and key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path).map_err(lpzero_truth::Error::from)?;
        Self::of(&document.root())
    }

    /// The plan of the ground truth `tiny`, which is built in.
    ///
    /// # Errors
    /// None that a test would not find.
    pub fn tiny() -> Result<Self, Error> {
        let text = include_str!("plans/tiny.json");
        let document = Document::parse_json("tiny.json", text);
        Self::of(&document.map_err(lpzero_truth::Error::from)?.root())
    }

    fn of(root: &Cursor<'_>) -> Result<Self, Error> {
        let read = || -> Result<Plan, lpzero_arch::Error> {
            spec::check_header(root, FORMAT, VERSION)?;
            root.get("plan", "what is built")?.deserialize()
        };
        let plan = read().map_err(lpzero_truth::Error::from)?;
        plan.complaint().map_err(|(key, what)| Error::Plan {
            file: root.place().file,
            key,
            what,
        })?;
        Ok(plan)
    }

    /// Checks a plan that was changed after it was read.
    ///
    /// # Errors
    /// [`Error::Plan`] with the key.
    pub fn check(&self) -> Result<(), Error> {
        self.complaint().map_err(|(key, what)| Error::Plan {
            file: "the plan".into(),
            key,
            what,
        })
    }

    /// Checks what serde does not. The error is the wrong key, and what was expected.
    fn complaint(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, what: &str| Err((format!("plan.{key}"), what.to_owned()));
        if !(1..=MOST).contains(&self.architectures) {
            return wrong("architectures", "expected between 1 and 100000");
        }
        if !(1..=1000).contains(&self.seeds) {
            return wrong("seeds", "expected between 1 and 1000");
        }
        let Ranges {
            layers,
            width,
            heads,
            feed_forward,
            ..
        } = &self.space;
        for (key, length) in [
            ("layers", layers.len()),
            ("width", width.len()),
            ("heads", heads.len()),
            ("feed_forward", feed_forward.len()),
        ] {
            if !(1..=MOST).contains(&length) {
                return wrong(&format!("space.{key}"), "expected a list of choices");
            }
        }
        if let Some(most) = layers.iter().find(|&&blocks| blocks > MAX_BLOCKS) {
            let what = format!("expected at most {MAX_BLOCKS} blocks, found {most}");
            return wrong("space.layers", &what);
        }
        if self.recipe.positions > self.space.positions {
            let what = "expected no more than plan.space.positions";
            return wrong("recipe.positions", what);
        }
        (self.recipe.check()).map_err(|error| ("plan.recipe".to_owned(), error.to_string()))?;
        // Every combination of the extremes must be a network.
        for (choice, blocks) in self.space.corners() {
            let architecture = self.space.architecture(choice, blocks);
            (architecture.validate()).map_err(|invalid| {
                let id = self.space.id(choice);
                ("plan.space".to_owned(), format!("{id}: {invalid}"))
            })?;
        }
        let possible: u128 = self
            .space
            .sizes()
            .iter()
            .map(|&size| size as u128)
            .product();
        if possible < self.architectures as u128 {
            return wrong("architectures", "expected no more than the space holds");
        }
        let deepest = layers.iter().copied().max().unwrap_or(0);
        if self.architectures.saturating_mul(deepest) > MOST_BLOCKS {
            let what = format!("expected at most {MOST_BLOCKS} blocks in all of them");
            return wrong("architectures", &what);
        }
        Ok(())
    }

    /// The architectures with their ids, a function of the seed: a Latin
    /// hypercube (McKay et al. 1979), which spreads the choices of every list as
    /// evenly as their number allows. What it draws twice is drawn anew at random.
    pub fn draw(&self, seed: u64) -> Vec<(String, Architecture)> {
        let (count, sizes) = (self.architectures, self.space.sizes());
        let mut columns = Vec::with_capacity(sizes.len());
        for (variable, size) in (0u64..).zip(sizes) {
            let mut generator = seed::numbered(seed, "latin hypercube", variable);
            let mut strata: Vec<usize> = (0..count).collect();
            for i in 0..count {
                strata.swap(i, generator.random_range(i..count));
            }
            let choose = |stratum: usize| {
                let at = (stratum as f64 + generator.random::<f64>()) / count as f64;
                ((at * size as f64) as usize).min(size - 1)
            };
            columns.push(strata.into_iter().map(choose).collect::<Vec<_>>());
        }
        let mut generator = seed::numbered(seed, "redraw", 0);
        let mut seen = HashSet::new();
        let distinct = |i: usize| {
            let mut choice: Choice = std::array::from_fn(|variable| columns[variable][i]);
            while !seen.insert(choice) {
                choice = sizes.map(|size| generator.random_range(0..size));
            }
            let blocks = self.space.layers[choice[0]];
            (
                self.space.id(choice),
                self.space.architecture(choice, blocks),
            )
        };
        (0..count).map(distinct).collect()
    }
}

impl Ranges {
    fn sizes(&self) -> Choice {
        [
            self.layers.len(),
            self.width.len(),
            self.heads.len(),
            self.feed_forward.len(),
        ]
    }

    /// Choices that are all networks exactly if the whole space is, each with a number of
    /// blocks. With one block: each width, each number of heads, a pair of the two that
    /// do not divide, and each feed-forward network. With the most: the largest network.
    fn corners(&self) -> impl Iterator<Item = (Choice, usize)> {
        let [_, widths, heads, feed_forward] = self.sizes();
        let (narrow, wide) = extremes(&self.width, usize::cmp);
        let (_, fat) = extremes(&self.feed_forward, f64::total_cmp);
        let (few, many) = extremes(&self.layers, usize::cmp);
        let each_width = (0..widths).map(|w| [0, w, 0, 0]);
        let each_number = (0..heads).map(|h| [0, 0, h, 0]);
        let each_hidden = (0..feed_forward).map(move |f| [0, narrow, 0, f]);
        let shallow = each_width
            .chain(each_number)
            .chain(self.uneven())
            .chain(each_hidden);
        let deep = [[few, wide, 0, fat], [many, wide, 0, fat]];
        let deep = deep.map(|choice| (choice, self.layers[choice[0]]));
        shallow.map(|choice| (choice, 1)).chain(deep)
    }

    /// A number of heads that does not divide some width, with that width. All numbers
    /// divide all widths exactly if they divide the greatest common divisor of these.
    fn uneven(&self) -> Option<Choice> {
        let common = self.width.iter().copied().fold(0, greatest_common_divisor);
        let uneven = |heads: &usize| !common.is_multiple_of(*heads);
        let h = self.heads.iter().position(uneven)?;
        let undivided = |width: &usize| !width.is_multiple_of(self.heads[h]);
        let w = self.width.iter().position(undivided)?;
        Some([0, w, h, 0])
    }

    /// Such as `4x32-h4-f128`: blocks, width, heads, hidden width.
    fn id(&self, choice: Choice) -> String {
        let [l, w, h, _] = choice;
        format!(
            "{}x{}-h{}-f{}",
            self.layers[l],
            self.width[w],
            self.heads[h],
            self.hidden(choice)
        )
    }

    fn hidden(&self, [_, w, _, f]: Choice) -> usize {
        (self.width[w] as f64 * self.feed_forward[f]).round() as usize
    }

    fn architecture(&self, choice: Choice, blocks: usize) -> Architecture {
        let [_, w, h, _] = choice;
        let width = self.width[w];
        let dense = FeedForward::dense(vec![self.hidden(choice)], Activation::GeluTanh);
        let block = Block::attention(self.heads[h], dense);
        Architecture {
            kind: Kind::Decoder,
            vocabulary: self.vocabulary,
            positions: self.positions,
            token_types: 0,
            width,
            embedding: Embedding {
                width,
                cutoffs: vec![self.vocabulary],
                division: 1,
                projection_bias: false,
                scale_by_root_width: self.scale_by_root_width,
                position_width: PositionWidth::Model,
                norm: false,
            },
            blocks: vec![block; blocks],
            norm_placement: NormPlacement::Pre,
            norm_kind: NormKind::Layer,
            norm_epsilon: 1e-5,
            head: Head::Tied,
            initialisation: Initialisation {
                weight: self.initial_deviation,
                residual: None,
                projection: self.initial_deviation,
            },
        }
    }
}

/// Positions of the smallest and the largest of some numbers.
fn extremes<T>(of: &[T], compare: impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let by = |&a: &usize, &b: &usize| compare(&of[a], &of[b]);
    let (first, last) = ((0..of.len()).min_by(by), (0..of.len()).max_by(by));
    (first.unwrap_or(0), last.unwrap_or(0))
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        _ => greatest_common_divisor(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn draws_are_distinct_seeded_and_spread_evenly() {
        let plan = Plan::tiny().unwrap();
        let drawn = plan.draw(0);
        assert_eq!(drawn, plan.draw(0));
        assert_ne!(drawn, plan.draw(1));
        let ids: HashSet<_> = drawn.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), plan.architectures);
        for &layers in &plan.space.layers {
            let found = drawn
                .iter()
                .filter(|(_, a)| a.blocks.len() == layers)
                .count();
            let even = plan.architectures / plan.space.layers.len();
            assert!(
                found.abs_diff(even) <= even / 3 + 1,
                "{layers}: {found}, {even}"
            );
        }
    }

    #[test]
    fn wrong_plans_are_refused_with_their_key() {
        let tiny = || Plan::tiny().unwrap();
        let complaint = |change: fn(&mut Plan)| {
            let mut plan = tiny();
            change(&mut plan);
            plan.complaint().unwrap_err()
        };
        assert_eq!(
            complaint(|plan| plan.architectures = 0).0,
            "plan.architectures"
        );
        assert_eq!(
            complaint(|plan| plan.space.layers.clear()).0,
            "plan.space.layers"
        );
        assert_eq!(complaint(|plan| plan.recipe.steps = 0).0, "plan.recipe");
        assert_eq!(
            complaint(|plan| plan.space.layers = vec![0]).0,
            "plan.space"
        );
        let (key, what) = complaint(|plan| plan.space.heads = vec![5]);
        assert!(key == "plan.space" && what.contains("h5"), "{what}");
        let (key, what) = complaint(|plan| plan.space.heads = vec![1, 2, 3]);
        assert!(key == "plan.space" && what.starts_with("1x16-h3"), "{what}");
        let (key, what) = complaint(|plan| plan.space.layers.push(1_000_000_000));
        assert!(
            key == "plan.space.layers" && what.contains("4096"),
            "{what}"
        );
        let (key, what) = complaint(|plan| {
            plan.architectures = 90_000;
            plan.space.layers = (1..=4096).collect();
        });
        assert!(
            key == "plan.architectures" && what.contains("blocks"),
            "{what}"
        );
        // So many pairs of a width and a number of heads are not looked at one by one.
        let (key, _) = complaint(|plan| {
            plan.space.width = vec![64; MOST];
            plan.space.heads = vec![8; MOST - 1];
            plan.space.heads.push(7);
        });
        assert_eq!(key, "plan.space");
        assert!(
            complaint(|plan| plan.architectures = 90_000)
                .1
                .contains("space holds")
        );
    }
}
