//! Spaces whose every choice concerns one block alone: what each block may be.

use super::{Genotype, Space};
use crate::error::{Error, Place, Problem};

/// Most combinations of choices that one block may have.
const MAX_OPTIONS: usize = 4096;

impl Space {
    /// Every combination of the choices of one block, the same for all blocks, in the
    /// order in which [`Genotype::blocks`] holds them.
    ///
    /// # Errors
    /// Where the number of blocks varies, something is chosen for the whole network,
    /// or there are more than 4096 combinations.
    pub fn block_options(&self) -> Result<Vec<Vec<usize>>, Error> {
        let wrong = |key: &str, what: String| {
            let place = Place {
                file: self.path.clone(),
                record: None,
                key: key.into(),
            };
            Err(place.error(Problem::Malformed(what)))
        };
        if self.blocks.len() != 1 {
            return wrong(
                "space.blocks",
                "expected one number of blocks where blocks are chosen one by one".into(),
            );
        }
        let mut varying = self.variables_of(false);
        if let Some(variable) = varying.find(|variable| variable.choices.len() > 1) {
            return wrong(
                "space.variables",
                format!(
                    "{}: expected \"per\": \"block\" (or one choice) where blocks are chosen one by one",
                    variable.name
                ),
            );
        }
        let sizes = self
            .variables_of(true)
            .map(|variable| variable.choices.len());
        let sizes: Vec<usize> = sizes.collect();
        let count = sizes.iter().copied().fold(1, usize::saturating_mul);
        if count > MAX_OPTIONS {
            return wrong(
                "space.variables",
                format!("{count} combinations of choices in one block; at most {MAX_OPTIONS}"),
            );
        }
        let option = |mut number: usize| {
            let mut choices = Vec::with_capacity(sizes.len());
            for &size in &sizes {
                choices.push(number % size);
                number /= size;
            }
            choices
        };
        Ok((0..count).map(option).collect())
    }

    /// The genotype with this choice in every block, after
    /// [`block_options`](Self::block_options).
    pub fn of_blocks(&self, blocks: Vec<Vec<usize>>) -> Genotype {
        Genotype {
            network: self.variables_of(false).map(|_| 0).collect(),
            blocks,
        }
    }
}
