//! What a proxy sees of a shape: how its score answers when one dimension changes.
//!
//! A search of architectures takes away whatever is not seen, and adds without end whatever
//! pays and costs nothing. So a proxy should be looked at before a space is searched with it.

use lpzero_arch::{Architecture, Document, Genotype, Space};
use lpzero_nas::{Cost, Costs};
use serde::Serialize;

use crate::{Error, Networks, Pass, Proxy, Workbench};

/// Shapes of real decoders, small enough for a pass in no time, as spaces around them.
const SHAPES: [(&str, &str); 2] = [
    ("llama.json", include_str!("llama.json")),
    ("gpt2.json", include_str!("gpt2.json")),
];

/// Elasticities that are nearer to zero count as none.
pub const INVISIBLE: f64 = 0.02;

/// What the score of a proxy does around one shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sight {
    /// Name of the shape.
    pub shape: String,
    /// Score of the shape; `None` where the proxy is not defined there.
    pub score: Option<f64>,
    /// What changes, one row each.
    pub dimensions: Vec<Seen>,
}

/// How the score answers to one dimension.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// Name of the dimension.
    pub dimension: String,
    /// Value below that of the shape.
    pub low: f64,
    /// Value above.
    pub high: f64,
    /// Scores at both; `None` where there is no such network, or no score.
    pub scores: [Option<f64>; 2],
    /// `d ln score / d ln dimension` between the two values; `None` where a score is not
    /// positive.
    pub elasticity: Option<f64>,
    /// Elasticity in a word.
    pub effect: Option<Effect>,
    /// Costs at both values, where a network has them.
    #[serde(skip)]
    pub costs: [Option<Costs>; 2],
}

/// What more of a dimension does to the rank of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing.
    Invisible,
    /// More of it ranks higher.
    Pays,
    /// More of it ranks lower.
    Costs,
}

impl Effect {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::Pays => "pays",
            Self::Costs => "costs",
        }
    }
}

impl Sight {
    /// Dimensions that the score does not see: a search leaves them where they cost least.
    pub fn unseen(&self) -> Vec<&str> {
        self.named(|seen| seen.effect == Some(Effect::Invisible))
    }

    /// Dimensions that pay and change none of the costs that a search limits: it takes as
    /// much of them as the space has.
    pub fn unpaid(&self, limited: &[Cost]) -> Vec<&str> {
        self.named(|seen| {
            let is_free = |cost: &Cost| match seen.costs {
                [Some(low), Some(high)] => {
                    low.get(*cost).is_some() && low.get(*cost) == high.get(*cost)
                }
                _ => false,
            };
            seen.effect == Some(Effect::Pays) && limited.iter().all(is_free)
        })
    }

    fn named(&self, is_meant: impl Fn(&Seen) -> bool) -> Vec<&str> {
        let meant = self.dimensions.iter().filter(|seen| is_meant(seen));
        meant.map(|seen| seen.dimension.as_str()).collect()
    }
}

/// A change of one dimension, before it is scored.
struct Change {
    dimension: String,
    values: [f64; 2],
    /// None where the space has no such network.
    networks: [Option<Architecture>; 2],
}

impl Workbench {
    /// What a proxy sees around two small real decoders: one like LLaMA, one like GPT-2. The
    /// last dimension is that of the pass, the positions.
    ///
    /// # Errors
    /// As [`sees_in`](Self::sees_in).
    pub fn sees(&self, proxy: &Proxy) -> Result<Vec<Sight>, Error> {
        let shape = |(name, text): &(&str, &str)| {
            let document = Document::parse_json(*name, text)?;
            let space = Space::of(&document.root())?;
            let mut sight = self.sees_in(&space, proxy)?;
            sight.dimensions.push(self.sees_positions(&space, proxy)?);
            Ok(sight)
        };
        SHAPES.iter().map(shape).collect()
    }

    /// What a proxy sees around the middle of a space: every variable with numbers to choose
    /// from is halved and doubled, as near as the space has it, in all blocks alike.
    ///
    /// # Errors
    /// Networks that cannot be run, and a formula that is not a score.
    pub fn sees_in(&self, space: &Space, proxy: &Proxy) -> Result<Sight, Error> {
        let middle = middle(space);
        let changes = changes(space, &middle);
        let mut networks = Networks::new();
        networks.add("the middle", space.architecture(&middle)?);
        for change in &changes {
            for (value, network) in change.values.iter().zip(&change.networks) {
                if let Some(network) = network {
                    networks.add(format!("{} {value}", change.dimension), network.clone());
                }
            }
        }
        let columns = self.exact_scores(&networks, std::slice::from_ref(proxy))?;
        let mut scores = columns.into_iter().flatten();
        let score = scores.next();
        let batch = (self.pass().batch, self.pass().positions);
        let count = |network: &Architecture| Costs::count(network, batch, None);
        let seen = |change: Change| {
            let costs = change.networks.each_ref();
            let costs = costs.map(|network| network.as_ref().map(count));
            let scores = change
                .networks
                .map(|network| network.and_then(|_| scores.next()));
            Seen {
                costs,
                ..Seen::new(change.dimension, change.values, scores, proxy)
            }
        };
        Ok(Sight {
            shape: space.name.clone(),
            score: score.filter(|score| score.is_finite()),
            dimensions: changes.into_iter().map(seen).collect(),
        })
    }

    fn sees_positions(&self, space: &Space, proxy: &Proxy) -> Result<Seen, Error> {
        let networks = [("the middle", space.architecture(&middle(space))?)];
        let networks: Networks = networks.into_iter().collect();
        let positions = self.pass().positions;
        let lengths = [positions.div_ceil(2), 2 * positions];
        let score = |positions| {
            let pass = Pass {
                positions,
                ..self.pass().clone()
            };
            let workbench = self.clone().with_pass(pass);
            let columns = workbench.exact_scores(&networks, std::slice::from_ref(proxy))?;
            Ok::<_, Error>(columns.into_iter().flatten().next())
        };
        let scores = [score(lengths[0])?, score(lengths[1])?];
        let values = lengths.map(|length| length as f64);
        Ok(Seen::new("positions".to_owned(), values, scores, proxy))
    }
}

impl Seen {
    fn new(dimension: String, values: [f64; 2], scores: [Option<f64>; 2], proxy: &Proxy) -> Self {
        let [low, high] = values;
        let scores = scores.map(|score| score.filter(|score| score.is_finite()));
        let elasticity = match scores {
            [Some(less), Some(more)] if less > 0.0 && more > 0.0 => {
                Some((more / less).ln() / (high / low).ln())
            }
            _ => None,
        };
        let effect = |elasticity: f64| match elasticity * f64::from(proxy.sign) {
            better if better.abs() < INVISIBLE => Effect::Invisible,
            better if better > 0.0 => Effect::Pays,
            _ => Effect::Costs,
        };
        Self {
            dimension,
            low,
            high,
            scores,
            elasticity,
            effect: elasticity.map(effect),
            costs: [None; 2],
        }
    }
}

/// The middle choice of everything.
fn middle(space: &Space) -> Genotype {
    let choices = |per_block| {
        let variables = space.variables_of(per_block);
        variables
            .map(|variable| variable.choices.len() / 2)
            .collect()
    };
    let depth = space.blocks[space.blocks.len() / 2];
    let block: Vec<usize> = choices(true);
    Genotype {
        network: choices(false),
        blocks: vec![block; depth],
    }
}

/// One change for every dimension that has several numbers.
fn changes(space: &Space, middle: &Genotype) -> Vec<Change> {
    let network = |genotype: &Genotype| space.architecture(genotype).ok();
    let mut changes = Vec::new();
    let depths: Vec<f64> = space.blocks.iter().map(|&depth| depth as f64).collect();
    if let Some(ends) = ends(&depths) {
        let networks = ends.map(|end| {
            let mut genotype = middle.clone();
            let block = middle.blocks.first().cloned().unwrap_or_default();
            genotype.blocks = vec![block; space.blocks[end]];
            network(&genotype)
        });
        let values = ends.map(|end| depths[end]);
        changes.push(Change {
            dimension: "depth".to_owned(),
            values,
            networks,
        });
    }
    for per_block in [false, true] {
        for (position, variable) in space.variables_of(per_block).enumerate() {
            let numbers = variable.choices.iter().map(|choice| choice.as_number());
            let numbers: Option<Vec<f64>> = numbers.collect();
            let Some((numbers, ends)) = numbers.and_then(|n| ends(&n).map(|ends| (n, ends))) else {
                continue;
            };
            let networks = ends.map(|end| {
                let mut genotype = middle.clone();
                match per_block {
                    false => genotype.network[position] = end,
                    true => genotype
                        .blocks
                        .iter_mut()
                        .for_each(|block| block[position] = end),
                }
                space.raise(&mut genotype);
                network(&genotype)
            });
            changes.push(Change {
                dimension: variable.name.clone(),
                values: ends.map(|end| numbers[end]),
                networks,
            });
        }
    }
    changes
}

/// Positions of the choices nearest to half and to twice the middle one; `None` where all
/// are equal, or not all are positive.
fn ends(choices: &[f64]) -> Option<[usize; 2]> {
    let middle = choices[choices.len() / 2];
    if choices.iter().any(|choice| *choice <= 0.0) {
        return None;
    }
    let nearest = |wanted: f64| {
        let distance = |&index: &usize| (choices[index] / wanted).ln().abs();
        (0..choices.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    let ends = [nearest(middle / 2.0)?, nearest(middle * 2.0)?];
    (choices[ends[0]] < choices[ends[1]]).then_some(ends)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn elasticities(formula: &str) -> Vec<Vec<(String, f64, Effect)>> {
        let workbench = Workbench::new(1).unwrap();
        let sights = workbench.sees(&Proxy::parse(formula).unwrap()).unwrap();
        let row = |seen: Seen| {
            (
                seen.dimension,
                seen.elasticity.unwrap(),
                seen.effect.unwrap(),
            )
        };
        let rows = |sight: Sight| sight.dimensions.into_iter().map(row).collect();
        sights.into_iter().map(rows).collect()
    }

    #[test]
    fn a_power_of_depth_and_width_is_seen_as_such() {
        for shape in elasticities("layers ^ 2 * width") {
            for (dimension, elasticity, effect) in shape {
                let (expected, word) = match &*dimension {
                    "depth" => (2.0, Effect::Pays),
                    "width" => (1.0, Effect::Pays),
                    _ => (0.0, Effect::Invisible),
                };
                assert!((elasticity - expected).abs() < 1e-12, "{dimension}");
                assert_eq!(effect, word, "{dimension}");
            }
        }
    }

    #[test]
    fn both_shapes_have_the_dimensions_of_their_kind() {
        let names = |index: usize| -> Vec<String> {
            let shape = elasticities("params").swap_remove(index);
            shape.into_iter().map(|(name, ..)| name).collect()
        };
        let expected = ["depth", "width", "heads", "key_value_heads", "feed_forward"];
        assert_eq!(names(0)[..5], expected);
        assert_eq!(names(0)[5..], ["vocabulary", "positions"]);
        assert!(names(1).contains(&"embedding".to_owned()));
    }

    #[test]
    fn what_a_search_gives_away_or_takes_without_end_is_named() {
        let workbench = Workbench::new(1).unwrap();
        let sees = |formula: &str| {
            let space = Space::read("tiny".as_ref()).unwrap();
            workbench.sees_in(&space, &Proxy::parse(formula).unwrap())
        };
        let sight = sees("layers ^ 2 * width").unwrap();
        assert_eq!(sight.unseen(), ["heads", "feed_forward"]);
        assert!(sight.unpaid(&[Cost::Params]).is_empty());
        // Heads of a fixed width in all cost memory and no parameter.
        let sight = sees("sum[query](l2(D))").unwrap();
        let heads = sight
            .dimensions
            .iter()
            .find(|seen| seen.dimension == "heads");
        let [low, high] = heads.unwrap().costs.map(Option::unwrap);
        assert_eq!(low.params, high.params);
        assert!(low.memory < high.memory);
        let pays = heads.unwrap().effect == Some(Effect::Pays);
        assert_eq!(sight.unpaid(&[Cost::Params]) == ["heads"], pays);
        assert!(sight.unpaid(&[Cost::Params, Cost::Memory]).is_empty());
        assert!(sight.unpaid(&[Cost::Latency]).is_empty());
    }

    #[test]
    fn what_smaller_scores_promise_turns_the_word_around() {
        let workbench = Workbench::new(1).unwrap();
        let proxy = Proxy {
            sign: -1,
            ..Proxy::parse("params").unwrap()
        };
        let sight = workbench.sees(&proxy).unwrap().remove(0);
        let width = &sight.dimensions[1];
        assert!(width.elasticity.unwrap() > 1.0);
        assert_eq!(width.effect, Some(Effect::Costs));
    }

    #[test]
    fn without_a_positive_score_there_is_no_elasticity() {
        let workbench = Workbench::new(1).unwrap();
        let proxy = Proxy::parse("-layers").unwrap();
        let sight = workbench.sees(&proxy).unwrap().remove(0);
        let depth = &sight.dimensions[0];
        assert_eq!((depth.elasticity, depth.effect), (None, None));
        assert_eq!(depth.scores, [Some(-2.0), Some(-8.0)]);
    }
}
