//! Plans of ground truths: a space of small decoders, how many of them, and how each is trained.
//! Plans are data, read from a file.

use std::collections::HashSet;
use std::path::Path;

use lpzero_arch::{
    Activation, Architecture, Block, Cursor, Document, Embedding, FeedForward, Head,
    Initialisation, Kind, NormKind, NormPlacement, PositionWidth, spec,
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
        if self.recipe.positions > self.space.positions {
            let what = "expected no more than plan.space.positions";
            return wrong("recipe.positions", what);
        }
        (self.recipe.check()).map_err(|error| ("plan.recipe".to_owned(), error.to_string()))?;
        // Every combination of the extremes must be a network.
        for choice in self.space.corners() {
            let architecture = self.space.architecture(choice);
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
            (self.space.id(choice), self.space.architecture(choice))
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

    /// Every choice of blocks and feed-forward at their first, of every width
    /// with every number of heads, and the largest network.
    fn corners(&self) -> impl Iterator<Item = Choice> {
        let [layers, widths, heads, feed_forward] = self.sizes();
        let pairs = (0..widths).flat_map(move |w| (0..heads).map(move |h| [0, w, h, 0]));
        let layers = (0..layers).map(|l| [l, 0, 0, 0]);
        let feed_forward = (0..feed_forward).map(|f| [0, 0, 0, f]);
        pairs.chain(layers).chain(feed_forward)
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

    fn architecture(&self, choice: Choice) -> Architecture {
        let [l, w, h, _] = choice;
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
            blocks: vec![block; self.layers[l]],
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
        assert!(
            complaint(|plan| plan.architectures = 90_000)
                .1
                .contains("space holds")
        );
    }
}
