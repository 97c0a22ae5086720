//! Sub-networks of a super-network: scored one by one, or all from one pass.

use std::path::PathBuf;
use std::sync::Arc;

use lpzero_arch::{Adapters, Architecture, Block, Genotype, Space};
use lpzero_nas::{
    BlockChoices, Bound, Candidate, Cost, Costs, Load, Scorer, Solution, architecture_id,
};
use lpzero_nn::{Adapted, BlockPrefix, Layout, Objective, Prefixes, Seeded};
use lpzero_proxy::{AddedAggregate, Node, PartialVisitor, Partials, sum_over_sites};
use lpzero_trace::{NetworkScalar, Trace, Weights};

use crate::{Error, Networks, Proxy, Workbench};

/// Where the weights of a super-network come from.
#[derive(Clone)]
pub enum SupernetWeights {
    /// Drawn by the seed of the workbench.
    Seeded,
    /// Stored ones.
    Stored(Weights),
    /// Stored ones, with a low-rank adapter merged into them: in a sub-network, at the
    /// ranks that its blocks have.
    Adapted {
        /// Without the adapter.
        base: Weights,
        /// Under which names the base has them.
        layout: &'static Layout,
        /// The adapter's.
        folder: PathBuf,
    },
}

impl SupernetWeights {
    /// Weights of `part`, at the ranks of its adapters; `whole` is the largest network.
    fn of(
        &self,
        part: &Architecture,
        whole: &Architecture,
        workbench: &Workbench,
    ) -> Result<Weights, lpzero_nn::Error> {
        let (base, layout, folder) = match self {
            SupernetWeights::Seeded => return Ok(Arc::new(Seeded(workbench.seed()))),
            SupernetWeights::Stored(weights) => return Ok(Arc::clone(weights)),
            SupernetWeights::Adapted {
                base,
                layout,
                folder,
            } => (base, layout, folder),
        };
        let adapted = Adapted::open(Arc::clone(base), layout, whole, folder)?;
        let rank = |map: &str| {
            let (layer, name) = map.strip_prefix("block.")?.split_once('.')?;
            let adapters = part.blocks.get(layer.parse::<usize>().ok()?)?.adapters;
            let mut ranks = adapters.ranks().into_iter();
            let (_, rank) = ranks.find(|(known, _)| *known == name)?;
            // A space that does not speak of the rank leaves it as it is.
            (rank > 0).then_some(rank)
        };
        Ok(Arc::new(adapted.with_ranks(rank)))
    }
}

/// A space whose every network is the leading part of its largest one, with the
/// weights of that one.
pub struct Supernet<'a> {
    space: &'a Space,
    whole: Architecture,
    weights: SupernetWeights,
    objective: Objective,
    /// The combinations of choices that a block may have.
    options: Vec<Vec<usize>>,
    /// By layer: the block that each option makes.
    blocks: Vec<Vec<Block>>,
}

/// Scores of all sub-networks from one pass of the super-network.
pub struct Restricted {
    partials: Arc<Partials>,
    /// By layer: the different blocks, without adapters, in the order of the partials.
    blocks: Vec<Vec<Block>>,
    proxies: Vec<Proxy>,
    /// Per proxy, where it adds over sites: its aggregates, and which formulas of the
    /// partials they are.
    added: Vec<Option<Vec<(usize, AddedAggregate)>>>,
    loss: f64,
}

impl<'a> Supernet<'a> {
    /// The super-network of an elastic space.
    ///
    /// # Errors
    /// A space that is not elastic, or whose choices concern more than one block.
    pub fn new(
        space: &'a Space,
        weights: SupernetWeights,
        workbench: &Workbench,
    ) -> Result<Self, Error> {
        let options = space.block_options()?;
        let whole = space.architecture(&space.largest()?)?;
        let mut blocks = vec![Vec::with_capacity(options.len()); whole.blocks.len()];
        for option in &options {
            let made = of_option(space, &whole, option, &options[0])?;
            for (layer, block) in blocks.iter_mut().zip(made) {
                layer.push(block);
            }
        }
        Ok(Supernet {
            space,
            objective: objective(workbench, &whole),
            whole,
            weights,
            options,
            blocks,
        })
    }

    /// The largest network of the space.
    pub fn whole(&self) -> &Architecture {
        &self.whole
    }

    /// Weights of a sub-network: leading parts of those of the super-network.
    ///
    /// # Errors
    /// Weights that are not those of the largest network of the space.
    pub fn weights(&self, part: &Architecture, workbench: &Workbench) -> Result<Weights, Error> {
        let source = self.weights.of(part, &self.whole, workbench);
        let parts = source.and_then(|source| Prefixes::of(source, &self.whole, self.objective));
        let parts = parts.map_err(|source| Error::Engine {
            id: self.space.name.clone(),
            source,
        })?;
        Ok(Arc::new(parts))
    }

    /// The sub-network with an option (a combination of choices) in every block.
    ///
    /// # Errors
    /// Where the options are not of this space.
    pub fn sub_network(&self, options: &[usize]) -> Result<(Genotype, Architecture), Error> {
        let blocks = options.iter().map(|&option| self.options[option].clone());
        let genotype = self.space.of_blocks(blocks.collect());
        let architecture = self.space.architecture(&genotype)?;
        Ok((genotype, architecture))
    }

    /// Runs the super-network once and reads off it what every choice of every block
    /// is worth.
    ///
    /// # Errors
    /// A proxy that cannot be restricted, and what running the network says.
    pub fn restricted(
        &self,
        workbench: &Workbench,
        proxies: &[Proxy],
    ) -> Result<Restricted, Error> {
        let mut formulas: Vec<Node> = proxies.iter().map(|p| p.formula.clone()).collect();
        let mut added = Vec::with_capacity(proxies.len());
        for proxy in proxies {
            let aggregates = sum_over_sites(&proxy.formula).map(|aggregates| {
                let aggregates = aggregates.into_iter();
                let with_number = |aggregate: AddedAggregate| {
                    formulas.push(aggregate.node.clone());
                    (formulas.len() - 1, aggregate)
                };
                aggregates.map(with_number).collect()
            });
            added.push(aggregates);
        }
        // Adapters are merged, and change nothing that a pass shows.
        let mut blocks: Vec<Vec<Block>> = Vec::with_capacity(self.blocks.len());
        let mut prefixes = Vec::with_capacity(self.blocks.len());
        for (options, whole) in self.blocks.iter().zip(&self.whole.blocks) {
            let mut different: Vec<Block> = Vec::new();
            for block in options.iter().map(bare) {
                if !different.contains(&block) {
                    different.push(block);
                }
            }
            let prefix = |block: &Block| BlockPrefix::of(block, &bare(whole), &self.whole);
            let of_layer: Option<Vec<BlockPrefix>> = different.iter().map(prefix).collect();
            // The space has been checked to be elastic, of which this is a part.
            prefixes.push(of_layer.ok_or_else(|| Error::Restricted {
                formula: self.space.name.clone(),
                reason: "its blocks differ in more than heads and hidden widths".into(),
            })?);
            blocks.push(different);
        }
        let visitor = PartialVisitor::new(&formulas, prefixes).map_err(|reason| {
            let names: Vec<&str> = proxies.iter().map(|proxy| &proxy.name[..]).collect();
            Error::Restricted {
                formula: names.join(", "),
                reason: reason.to_string(),
            }
        })?;
        let mut networks = Networks::new();
        let weights = self.weights(&self.whole, workbench)?;
        networks.add_weighted(self.space.name.clone(), self.whole.clone(), weights);
        let fresh = |_: &Architecture| visitor.clone();
        let finish = |visitor: PartialVisitor, loss| (Arc::new(visitor.finish()), loss);
        let rows = workbench.visit("running the super-network", &networks, fresh, finish)?;
        // One network, one row.
        let [(partials, loss)] = &rows[..] else {
            unreachable!("as many rows as networks");
        };
        let (partials, loss) = (Arc::clone(partials), *loss);
        Ok(Restricted {
            partials,
            blocks,
            proxies: proxies.to_vec(),
            added,
            loss,
        })
    }

    /// Scores and costs that each option of each block adds. `None` where the proxy does not add
    /// over sites.
    ///
    /// # Errors
    /// Where an option is no architecture.
    pub fn choices(
        &self,
        restricted: &Restricted,
        proxy: usize,
        bound: &Bound,
        load: impl Into<Load>,
    ) -> Result<Option<BlockChoices>, Error> {
        let load = load.into();
        let Some(scores) = restricted.contributions(proxy) else {
            return Ok(None);
        };
        let depth = self.blocks.len();
        let cost = |options: &[usize]| -> Result<f64, Error> {
            let (_, architecture) = self.sub_network(options)?;
            let costs = Costs::count(&architecture, load, None);
            Ok(costs.get(bound.cost).unwrap_or(f64::NAN))
        };
        let base = cost(&vec![0; depth])?;
        let mut costs = Vec::with_capacity(depth);
        for layer in 0..depth {
            let mut options = vec![0; depth];
            let mut of_layer = Vec::with_capacity(self.options.len());
            for option in 0..self.options.len() {
                options[layer] = option;
                of_layer.push(cost(&options)? - base);
            }
            costs.push(of_layer);
        }
        // What all have together goes to the first block.
        for added in &mut costs[0] {
            *added += base;
        }
        let scores = self.blocks.iter().enumerate().map(|(layer, options)| {
            let option = |block: &Block| {
                let known = restricted.blocks[layer].iter();
                let position = known.clone().position(|known| *known == bare(block));
                position.map_or(f64::NAN, |position| scores[layer][position])
            };
            options.iter().map(option).collect()
        });
        Ok(Some(BlockChoices {
            scores: scores.collect(),
            costs,
        }))
    }
}

impl Restricted {
    /// Scores of a sub-network by every proxy, as formulas give them: the signs are
    /// the proxies'. NaN where it is not of the space.
    pub fn scores(&self, architecture: &Architecture) -> Vec<f64> {
        let choice = |(block, known): (&Block, &Vec<Block>)| {
            let block = bare(block);
            known.iter().position(|known| *known == block)
        };
        let blocks = architecture.blocks.iter().zip(&self.blocks);
        let choices: Option<Vec<usize>> = blocks.map(choice).collect();
        let mut scores = match choices {
            Some(choices) => {
                let mut scalars = Trace::data_free(architecture).scalars;
                scalars[NetworkScalar::Loss as usize] = self.loss;
                self.partials.scores(&choices, &scalars)
            }
            None => vec![f64::NAN; self.proxies.len()],
        };
        scores.truncate(self.proxies.len());
        scores
    }

    /// Whether a proxy adds over sites, so that the best choice can be solved for.
    pub fn adds(&self, proxy: usize) -> bool {
        self.added.get(proxy).is_some_and(Option::is_some)
    }

    /// Scores that each different block adds for a proxy: by layer, then block; larger is better.
    fn contributions(&self, proxy: usize) -> Option<Vec<Vec<f64>>> {
        let sign = f64::from(self.proxies.get(proxy)?.sign);
        let mut sums: Vec<Vec<f64>> = (self.blocks.iter())
            .map(|blocks| vec![0.0; blocks.len()])
            .collect();
        for (formula, aggregate) in self.added.get(proxy)?.as_ref()? {
            let more = self.partials.contributions(*formula, aggregate.is_mean)?;
            let factor = sign * aggregate.coefficient;
            for (sum, value) in sums.iter_mut().flatten().zip(more.iter().flatten()) {
                *sum += factor * value;
            }
        }
        Some(sums)
    }
}

/// Scores sub-networks by a proxy: restricted, or with the weights that they inherit.
pub struct SubNetworkScorer<'a> {
    /// With what networks are run.
    pub workbench: &'a Workbench,
    /// Whose sub-networks.
    pub supernet: &'a Supernet<'a>,
    /// Restricted scores of one proxy, where these are wanted.
    pub restricted: Option<&'a Restricted>,
    /// Proxy that scores, turned by its sign so that larger is better.
    pub proxy: &'a Proxy,
}

impl Scorer for SubNetworkScorer<'_> {
    type Error = Error;

    fn scores(
        &mut self,
        ids: &[String],
        architectures: &[Architecture],
    ) -> Result<Vec<f64>, Error> {
        crate::shapes::check(self.workbench.watch(), ids.len())?;
        let sign = f64::from(self.proxy.sign);
        if let Some(restricted) = self.restricted {
            let scores = architectures.iter();
            return Ok(scores.map(|a| sign * restricted.scores(a)[0]).collect());
        }
        let mut networks = Networks::new();
        for (id, part) in ids.iter().zip(architectures) {
            let weights = self.supernet.weights(part, self.workbench)?;
            networks.add_weighted(id, part.clone(), weights);
        }
        let proxies = std::slice::from_ref(self.proxy);
        let scores = (self.workbench).exact_scores_telling(&networks, proxies, &|_| ())?;
        Ok(scores.into_iter().flatten().map(|s| sign * s).collect())
    }

    fn latency(&mut self, id: &str, architecture: &Architecture) -> Result<f64, Error> {
        crate::shapes::latency(self.workbench, id, architecture)
    }
}

/// The block that an option makes of each layer. No network goes without all of its
/// blocks: so the first one has the option apart from the others, which have another then.
fn of_option(
    space: &Space,
    whole: &Architecture,
    option: &[usize],
    other: &[usize],
) -> Result<Vec<Block>, Error> {
    let depth = whole.blocks.len();
    let network = |of_first: &[usize], of_others: &[usize]| {
        let others = std::iter::repeat_n(of_others.to_vec(), depth - 1);
        let choices = std::iter::once(of_first.to_vec()).chain(others);
        space.sub_network(&space.of_blocks(choices.collect()), whole)
    };
    let mut blocks = network(option, other)?.blocks;
    blocks.truncate(1);
    if depth > 1 {
        blocks.extend(network(other, option)?.blocks.into_iter().skip(1));
    }
    Ok(blocks)
}

/// A block without its adapters.
fn bare(block: &Block) -> Block {
    Block {
        adapters: Adapters::NONE,
        ..block.clone()
    }
}

fn objective(workbench: &Workbench, architecture: &Architecture) -> Objective {
    let chosen = workbench.pass().objective;
    chosen.unwrap_or_else(|| Objective::default_for(architecture))
}

/// The one cost that a budget is about, where it adds over blocks.
///
/// # Errors
/// [`lpzero_nas::Error::Setting`] where there is none, several, or one that is measured.
pub fn one_budget(bounds: &[Bound]) -> Result<&Bound, Error> {
    let wrong = |value: String| {
        Error::from(lpzero_nas::Error::Setting {
            name: "--method exact with",
            value,
            expected: "exactly one of --max-params, --max-decoder-params, --max-flops, --max-memory and \
                       --max-serving",
        })
    };
    match bounds {
        [bound] if bound.least <= 0.0 && !matches!(bound.cost, Cost::Latency | Cost::Table) => {
            Ok(bound)
        }
        _ => {
            let names: Vec<&str> = bounds.iter().map(|bound| bound.cost.name()).collect();
            Err(wrong(match names.is_empty() {
                true => "no bound".into(),
                false => names.join(", "),
            }))
        }
    }
}

impl Supernet<'_> {
    /// The sub-networks of the highest restricted scores within a budget, best first,
    /// at most `count`; `None` where the proxy does not add over sites. Exact: no other
    /// sub-network within the budget has a higher restricted score than the first.
    ///
    /// # Errors
    /// [`lpzero_nas::Error::Infeasible`] where nothing is within the budget.
    pub fn solve(
        &self,
        restricted: &Restricted,
        proxy: usize,
        bound: &Bound,
        load: impl Into<Load>,
        count: usize,
    ) -> Result<Option<Vec<Candidate>>, Error> {
        let load = load.into();
        let Some(choices) = self.choices(restricted, proxy, bound, load)? else {
            return Ok(None);
        };
        let solutions = choices.best(bound.most, count);
        if solutions.is_empty() {
            let cheapest = choices.costs.iter().map(|costs| {
                let costs = costs.iter().copied();
                costs.fold(f64::INFINITY, f64::min)
            });
            return Err(Error::from(lpzero_nas::Error::Infeasible {
                space: self.space.name.clone(),
                cost: bound.cost.name(),
                found: cheapest.sum::<f64>().to_string(),
                bound: format!("more than {}", bound.most),
            }));
        }
        let sign = restricted
            .proxies
            .get(proxy)
            .map_or(1.0, |p| f64::from(p.sign));
        let candidate = |solution: Solution| -> Result<Candidate, Error> {
            let (genotype, architecture) = self.sub_network(&solution.choices)?;
            Ok(Candidate {
                id: architecture_id(&architecture),
                genotype,
                costs: Costs::count(&architecture, load, None),
                violation: 0.0,
                score: sign * restricted.scores(&architecture)[proxy],
                architecture,
            })
        };
        let candidates = solutions.into_iter().map(candidate);
        Ok(Some(candidates.collect::<Result<_, _>>()?))
    }
}
