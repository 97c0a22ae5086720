//! Elastic spaces: every network is the leading part of one super-network.
//!
//! A space is elastic where its number of blocks is fixed and its variables are
//! numbers, such that a tensor of any network of it is the leading block of the
//! tensor of that name of the largest (Yu et al. 2020, "BigNAS"). Sizes alone do
//! not make that sensible: the leading rows of a query map are the leading heads
//! only where heads keep their width, and a head of queries goes on reading the
//! same head of keys only where as many share one.

use super::{Genotype, Space};
use crate::architecture::{Architecture, Block, Mixer};
use crate::document::Node;
use crate::error::{Error, Place, Problem};

impl Space {
    /// The largest choice of every variable, whatever the order in which choices
    /// are listed: the super-network.
    ///
    /// # Errors
    /// Where the number of blocks varies, or the choices of a variable are not numbers.
    pub fn largest(&self) -> Result<Genotype, Error> {
        self.extreme(|candidate, best| candidate > best)
    }

    /// The smallest choice of every variable.
    ///
    /// # Errors
    /// As [`largest`](Self::largest).
    pub fn smallest(&self) -> Result<Genotype, Error> {
        self.extreme(|candidate, best| candidate < best)
    }

    /// The architecture of a genotype, which must be a part of `whole`, the
    /// architecture of the [`largest`](Self::largest).
    ///
    /// # Errors
    /// As [`architecture`](Self::architecture), and where something differs that is no
    /// leading part, such as the width of a head.
    pub fn sub_network(
        &self,
        genotype: &Genotype,
        whole: &Architecture,
    ) -> Result<Architecture, Error> {
        let part = self.architecture(genotype)?;
        match unfit(&part, whole) {
            None => Ok(part),
            Some(what) => Err(self.wrong("space.template", what)),
        }
    }

    fn extreme(&self, better: impl Fn(f64, f64) -> bool) -> Result<Genotype, Error> {
        let &[depth] = &self.blocks[..] else {
            let what = "expected one number of blocks: a super-network has no leading blocks to \
                        choose from";
            return Err(self.wrong("space.blocks", what.into()));
        };
        let (mut network, mut block) = (Vec::new(), Vec::new());
        for variable in &self.variables {
            let numbers = variable.choices.iter().map(Node::as_number);
            let numbers: Option<Vec<f64>> = numbers.collect();
            let numbers = numbers.ok_or_else(|| {
                let name = &variable.name;
                let what = format!("{name}: expected numbers to choose from in an elastic space");
                self.wrong("space.variables", what)
            })?;
            let pick = |best: usize, at: usize| match better(numbers[at], numbers[best]) {
                true => at,
                false => best,
            };
            let choice = (0..numbers.len()).reduce(pick).unwrap_or(0);
            match variable.per_block {
                true => block.push(choice),
                false => network.push(choice),
            }
        }
        let mut genotype = Genotype {
            network,
            blocks: vec![block; depth],
        };
        self.raise(&mut genotype);
        Ok(genotype)
    }

    fn wrong(&self, key: &str, what: String) -> Error {
        let place = Place {
            file: self.path.clone(),
            record: None,
            key: key.into(),
        };
        place.error(Problem::Malformed(what))
    }
}

/// Why the tensors of `part` are not leading blocks of those of `whole` that mean
/// the same; `None` where they are.
fn unfit(part: &Architecture, whole: &Architecture) -> Option<String> {
    if part.blocks.len() != whole.blocks.len() {
        return Some("the number of blocks differs from the largest network's".into());
    }
    let pairs = || part.blocks.iter().zip(&whole.blocks).enumerate();
    let same_width = part.width == whole.width;
    if let Some(what) = pairs().find_map(|(i, (part, whole))| {
        let what = unfit_mixer(&part.mixer, &whole.mixer, same_width)?;
        Some(format!("blocks[{i}]: {what}"))
    }) {
        return Some(what);
    }
    let layers = |block: &Block| block.feed_forward.hidden.len();
    if let Some((i, _)) = pairs().find(|(_, (part, whole))| layers(part) != layers(whole)) {
        return Some(format!(
            "blocks[{i}]: the number of feed-forward layers varies"
        ));
    }
    let larger = |part: usize, whole: usize| part > whole;
    if larger(part.width, whole.width)
        || larger(part.embedding.width, whole.embedding.width)
        || pairs().any(|(_, (part, whole))| {
            let hidden = part.feed_forward.hidden.iter();
            let mut hidden = hidden.zip(&whole.feed_forward.hidden);
            hidden.any(|(&part, &whole)| larger(part, whole))
        })
    {
        return Some("a size is larger than in the largest network".into());
    }
    // Whatever else there is must be the same.
    let mut widened = part.clone();
    widened.width = whole.width;
    widened.embedding.width = whole.embedding.width;
    for (block, whole) in widened.blocks.iter_mut().zip(&whole.blocks) {
        block.mixer = whole.mixer;
        block.feed_forward.hidden = whole.feed_forward.hidden.clone();
    }
    (widened != *whole).then(|| {
        "networks differ in more than heads, feed-forward widths and the width: their tensors are \
         not leading blocks of the largest network's"
            .into()
    })
}

fn unfit_mixer(part: &Mixer, whole: &Mixer, same_width: bool) -> Option<String> {
    let (
        Mixer::GroupedAttention {
            heads,
            key_value_heads,
            head_width,
            ..
        },
        &Mixer::GroupedAttention {
            heads: most,
            key_value_heads: most_keys,
            head_width: whole_width,
            ..
        },
    ) = (part, whole)
    else {
        return (part != whole || !same_width).then(|| {
            format!(
                "a head of {} is as wide as the width over the number of heads, so that neither \
                 may vary: expected grouped-attention with a fixed head_width",
                whole.name()
            )
        });
    };
    if *head_width != whole_width {
        return Some("head_width varies: leading rows are then no whole heads".into());
    }
    if heads * most_keys != most * key_value_heads {
        return Some(
            "heads over key_value_heads varies: a head of queries would read other keys; vary \
             both together"
                .into(),
        );
    }
    if *heads > most {
        return Some("more heads than in the largest network".into());
    }
    let mut widened = *part;
    if let Mixer::GroupedAttention {
        heads,
        key_value_heads,
        ..
    } = &mut widened
    {
        (*heads, *key_value_heads) = (most, most_keys);
    }
    (widened != *whole).then(|| "attentions differ in more than the number of heads".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::document::Document;

    /// A space over the built-in one with some of its text replaced.
    fn changed(changes: &[(&str, &str)]) -> Space {
        let mut text = include_str!("../spaces/tiny-elastic.json").to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let document = Document::parse_json("space.json", &text).unwrap();
        Space::of(&document.root()).unwrap()
    }

    fn complaint(changes: &[(&str, &str)]) -> String {
        let space = changed(changes);
        let both = space.largest().and_then(|largest| {
            let whole = space.architecture(&largest)?;
            space.sub_network(&space.smallest()?, &whole)
        });
        both.unwrap_err().to_string()
    }

    #[test]
    fn extremes_are_those_of_numbers_and_not_of_positions() {
        let space = changed(&[("[32, 64, 96, 128, 192]", "[96, 192, 1000, 32, 64]")]);
        let hidden = |genotype: Genotype| {
            let network = space.architecture(&genotype).unwrap();
            let blocks = network.blocks.iter();
            blocks
                .map(|block| block.feed_forward.hidden[0])
                .collect::<Vec<_>>()
        };
        let depth = space.blocks[0];
        assert_eq!(hidden(space.largest().unwrap()), vec![1000; depth]);
        assert_eq!(hidden(space.smallest().unwrap()), vec![32; depth]);
        let whole = space.architecture(&space.largest().unwrap()).unwrap();
        let smallest = space.smallest().unwrap();
        assert!(space.sub_network(&smallest, &whole).is_ok());
        // And not the other way round.
        let part = space.architecture(&smallest).unwrap();
        let largest = space.largest().unwrap();
        assert!(space.sub_network(&largest, &part).is_err());
    }

    #[test]
    fn what_is_no_leading_part_is_refused() {
        assert!(complaint(&[(r#""blocks": [6]"#, r#""blocks": [4, 6]"#)]).contains("space.blocks"));
        let activation = complaint(&[
            ("[32, 64, 96, 128, 192]", r#"["silu", "gelu"]"#),
            (r#"["$hidden"]"#, "[64]"),
            (r#""silu","#, r#""$hidden","#),
        ]);
        assert!(
            activation.contains("space.variables: hidden: expected numbers"),
            "{activation}"
        );
        let keys = complaint(&[(r#""key_value_heads": "$heads""#, r#""key_value_heads": 1"#)]);
        assert!(keys.contains("vary both together"), "{keys}");
        let width = complaint(&[
            ("[1, 2, 3, 4]", "[2, 4]"),
            (r#""heads": "$heads""#, r#""heads": 2"#),
            (r#""key_value_heads": "$heads""#, r#""key_value_heads": 2"#),
            (r#""head_width": 16"#, r#""head_width": "$heads""#),
        ]);
        assert!(width.contains("head_width varies"), "{width}");
    }
}
