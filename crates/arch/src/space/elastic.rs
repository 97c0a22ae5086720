//! Elastic spaces: every network is a part of one super-network.
//!
//! A space is elastic where its number of blocks is fixed and its variables are
//! numbers, such that every network of it is a part of the largest
//! ([`Block::misfit`](crate::Block::misfit) says what that means).

use super::{Genotype, Space};
use crate::architecture::Architecture;
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
        match part.misfit(whole) {
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
