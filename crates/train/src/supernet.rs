//! Super-networks: one set of weights, trained so that every network of a space
//! has good ones in the leading rows and columns of its tensors.
//!
//! Every update adds up the gradients of a *sandwich* (Yu & Huang 2019,
//! "Universally slimmable networks"; Yu et al. 2020, "BigNAS"): the largest network
//! of the space, the smallest, and random ones between, all on the same minibatch.
//! A network that comes twice counts once, so that a space of a single network is
//! trained as that network is.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use lpzero_arch::{Architecture, Genotype, Space};
use lpzero_nn::{Network, Objective, Prefixes, Resident, Stored, Workspace};
use lpzero_run::seed;
use lpzero_truth::Trained;
use rand::Rng;

use crate::plan::MOST_BLOCKS;
use crate::validation::{evaluate, rounded};
use crate::{Batches, Error, Recipe};

/// Draws of a network that the space's reader refuses, before that is an error.
const MOST_DRAWS: usize = 1000;

/// Most random networks of one update.
const MOST_SAMPLES: usize = 1000;

/// A space whose networks are parts of its largest one.
#[derive(Clone, Debug)]
pub struct Elastic {
    space: Space,
    largest: Architecture,
    smallest: Architecture,
    samples: usize,
    seed: u64,
}

impl Elastic {
    /// Networks of a space for a training with `samples` random ones in every
    /// update; which ones is a function of the seed and the update.
    ///
    /// # Errors
    /// A space whose networks are not parts of the largest one.
    pub fn new(space: Space, samples: usize, seed: u64) -> Result<Self, Error> {
        if samples > MOST_SAMPLES {
            return Err(Error::Recipe {
                key: "samples",
                expected: "at most 1000",
                found: samples.to_string(),
            });
        }
        let described = |error| Error::from(lpzero_truth::Error::from(error));
        let largest = space.largest().map_err(described)?;
        let largest = space.architecture(&largest).map_err(described)?;
        let smallest = space.smallest().map_err(described)?;
        let smallest = space.sub_network(&smallest, &largest).map_err(described)?;
        Ok(Elastic {
            space,
            largest,
            smallest,
            samples,
            seed,
        })
    }

    /// The super-network.
    pub fn largest(&self) -> &Architecture {
        &self.largest
    }

    /// Networks trained beside the largest one in update `step`, counted from 0: the smallest and
    /// random ones, each once.
    ///
    /// # Errors
    /// A space that holds hardly any network.
    pub fn others(&self, step: u64) -> Result<Vec<Architecture>, Error> {
        let mut generator = seed::numbered(self.seed, "sub-networks", step);
        let mut networks = vec![self.largest.clone(), self.smallest.clone()];
        for _ in 0..self.samples {
            networks.push(self.draw(&mut generator)?.1);
        }
        let mut seen: Vec<Architecture> = Vec::with_capacity(networks.len());
        for network in networks {
            if !seen.contains(&network) {
                seen.push(network);
            }
        }
        seen.remove(0);
        Ok(seen)
    }

    /// So many different networks of the space, every choice uniform, with ids that
    /// say what was chosen; a function of the seed.
    ///
    /// # Errors
    /// A space that holds fewer.
    pub fn sub_networks(
        &self,
        count: usize,
        seed: u64,
    ) -> Result<Vec<(String, Architecture)>, Error> {
        if count.saturating_mul(self.largest.blocks.len()) > MOST_BLOCKS {
            return Err(Error::Recipe {
                key: "architectures",
                expected: "at most 4000000 blocks in all of them",
                found: count.to_string(),
            });
        }
        let mut generator = seed::numbered(seed, "drawn sub-networks", 0);
        let (mut seen, mut drawn) = (HashSet::new(), Vec::new());
        let mut misses = 0;
        while drawn.len() < count {
            let (genotype, architecture) = self.draw(&mut generator)?;
            let id = self.id(&genotype);
            if seen.insert(id.clone()) {
                drawn.push((id, architecture));
                misses = 0;
                continue;
            }
            misses += 1;
            if misses == MOST_DRAWS {
                return Err(Error::Recipe {
                    key: "architectures",
                    expected: "no more than the space holds",
                    found: count.to_string(),
                });
            }
        }
        Ok(drawn)
    }

    /// Such as `heads:1.4.2,hidden:64.32.96`: choices block by block.
    fn id(&self, genotype: &Genotype) -> String {
        let choices = self.space.choices(genotype).into_iter();
        let several = choices.filter(|(name, _)| {
            let mut variables = self.space.variables.iter();
            variables.any(|variable| variable.name == *name && variable.choices.len() > 1)
        });
        let named = several.map(|(name, labels)| format!("{name}:{}", labels.join(".")));
        match named.collect::<Vec<_>>() {
            none if none.is_empty() => self.space.name.clone(),
            named => named.join(","),
        }
    }

    fn draw(&self, generator: &mut seed::Stream) -> Result<(Genotype, Architecture), Error> {
        let depth = self.largest.blocks.len();
        let mut draws = 0;
        loop {
            draws += 1;
            let mut choose = |per_block| -> Vec<usize> {
                let variables = self.space.variables_of(per_block);
                variables
                    .map(|variable| generator.random_range(0..variable.choices.len()))
                    .collect()
            };
            let mut genotype = Genotype {
                network: choose(false),
                blocks: (0..depth).map(|_| choose(true)).collect(),
            };
            self.space.raise(&mut genotype);
            match self.space.architecture(&genotype) {
                // What the reader refuses is no part of the space.
                Err(_) if draws < MOST_DRAWS => {}
                Err(error) => return Err(lpzero_truth::Error::from(error).into()),
                Ok(_) => {
                    let network = self.space.sub_network(&genotype, &self.largest);
                    return Ok((genotype, network.map_err(lpzero_truth::Error::from)?));
                }
            }
        }
    }
}

/// Sub-networks of a super-network as it is, their weights copied to buffers of the
/// workspace.
pub(crate) fn copies(
    whole: &Network<f32>,
    parts: &[Architecture],
    workspace: &mut Workspace<f32>,
) -> Result<Vec<Network<f32>>, Error> {
    let weights = Resident::of(whole);
    let copy = |part| Network::loaded(part, whole.objective(), &weights, workspace);
    let copies = parts.iter().map(copy);
    Ok(copies.collect::<Result<_, _>>()?)
}

/// The weights of a trained super-network, to be inherited.
#[derive(Debug)]
pub struct Inheritance {
    weights: Prefixes<f32>,
    objective: Objective,
}

impl Inheritance {
    /// Opens the weights that a training left, of the largest network of a space.
    ///
    /// # Errors
    /// A file that cannot be read, or does not hold that network.
    pub fn open(weights: &Path, largest: &Architecture) -> Result<Self, Error> {
        let objective = Objective::default_for(largest);
        let stored = std::sync::Arc::new(Stored::open(weights)?);
        Ok(Inheritance {
            weights: Prefixes::of(stored, largest, objective)?,
            objective,
        })
    }

    /// The validation loss of a sub-network with the weights that it inherits, as a
    /// training with this recipe measures it, rounded to six decimals.
    ///
    /// # Errors
    /// A network that is no part of the super-network; what the engine refuses.
    pub fn loss(
        &self,
        part: &Architecture,
        (recipe, seed): (&Recipe, u64),
        batches: &dyn Batches,
        workspace: &mut Workspace<f32>,
    ) -> Result<Trained, Error> {
        let start = Instant::now();
        let mut network = Network::loaded(part, self.objective, &self.weights, workspace)?;
        let loss = evaluate(&mut network, recipe, batches, workspace)?;
        network.recycle(workspace);
        Ok(rounded(seed, loss, start.elapsed()))
    }
}
