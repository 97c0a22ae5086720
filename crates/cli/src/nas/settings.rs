//! Everything that an architecture search is a function of, validated, as its folder
//! keeps it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lpzero::arch::space::{BUILT_IN, CUT, LONAS};
use lpzero::arch::{Document, Reading, Space};
use lpzero::compare::SHIPPED;
use lpzero::nas::{Bound, Budget, Cost, Costs, Load, Table};
use lpzero::nn::Layout;
use lpzero::run::ContentHash;
use lpzero::shapes::{NasMethod, NasOptions};
use lpzero::supernet::SupernetWeights;
use lpzero::{Workbench, text};
use serde::{Deserialize, Serialize};

use crate::arguments::{Amount, BoundArguments, Nas, NasMethodArgument};
use crate::failure::{Failure, engine, failed};
use crate::output::Reporter;
use crate::session::Session;
use crate::settings::{Formula, PassSettings, absolute, no_space, one_proxy, read_architecture};
use crate::weights::{self, stored};

/// Layout of a search's folder.
pub const VERSION: u32 = 2;

/// In place of a folder: weights that are drawn.
const SEEDED: &str = "seeded";

/// What is kept of a network that has been trained: what the loss misses most without it. The
/// shipped proxy, which was found for shapes to be trained, sees no channel.
const OF_CUTS: &str = "snip";

/// Members that a population may have.
const POPULATIONS: std::ops::RangeInclusive<usize> = 4..=10_000;

/// Everything that the user chose, with paths that mean the same in any folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NasSettings {
    version: u32,
    seed: u64,
    space: PathBuf,
    proxy: Formula,
    pass: PassSettings,
    supernet: Option<PathBuf>,
    adapter: Option<PathBuf>,
    restricted: bool,
    rerank: usize,
    method: NasMethod,
    cost: Cost,
    bounds: Vec<Limits>,
    table: Option<PathBuf>,
    /// Sequences and tokens of each that are served at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    served: Option<(usize, usize)>,
    budget: Budget,
    population: usize,
}

/// A bound. JSON has no infinity: an end that is open is left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    cost: Cost,
    least: Option<f64>,
    most: Option<f64>,
    /// Whether both are shares of what the largest network of the space has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shares: bool,
}

impl NasSettings {
    /// The search that the command line describes.
    ///
    /// # Errors
    /// A proxy that is none, several, and options that contradict each other.
    pub fn new(seed: u64, arguments: &Nas) -> Result<Self> {
        let cut = arguments.space == Path::new(CUT) && !arguments.space.is_file();
        let default = if cut { OF_CUTS } else { SHIPPED };
        let proxy = one_proxy(arguments.proxy.as_deref().unwrap_or(default))?;
        if !POPULATIONS.contains(&arguments.population) {
            return Err(Failure::typed(format_args!(
                "--population {}: expected between 4 and 10000",
                arguments.population
            )));
        }
        let cost = Cost::from(arguments.cost);
        if cost == Cost::Table && arguments.table.is_none() {
            return Err(Failure::typed(
                "--cost table: expected --table FILE beside it",
            ));
        }
        let built_in = BUILT_IN
            .iter()
            .any(|(name, _)| Path::new(name) == arguments.space && !arguments.space.exists());
        let built_in = built_in || cut;
        let space = arguments.space.clone();
        Ok(Self {
            version: VERSION,
            seed,
            space: if built_in { space } else { absolute(space) },
            proxy: Formula::from(&proxy),
            pass: PassSettings::new(&arguments.pass)?,
            supernet: match &arguments.supernet {
                Some(path) if path == Path::new(SEEDED) => Some(path.clone()),
                Some(path) => Some(absolute(path.clone())),
                // The best choice of every block is one of parts of one network.
                None => (arguments.method == NasMethodArgument::Exact).then(|| SEEDED.into()),
            },
            adapter: arguments.adapter.clone().map(absolute),
            restricted: arguments.restricted,
            rerank: arguments.rerank,
            method: arguments.method.into(),
            cost,
            bounds: bounds(&arguments.bounds)?,
            table: arguments.table.clone().map(absolute),
            served: arguments.serve,
            budget: arguments.budget.into(),
            population: arguments.population,
        })
    }

    /// Workbench that runs the networks.
    pub fn workbench(&self, session: &Session, space: &Space) -> Result<Workbench> {
        // A space that is not a grid has no largest network; its passes are as asked for.
        let largest = space
            .largest()
            .and_then(|largest| space.architecture(&largest));
        session.workbench_seeded(&self.pass, self.seed, largest.ok().as_ref())
    }

    /// Reads what is named.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub fn options(&self, report: Reporter) -> Result<NasOptions> {
        let space = self.read_space();
        let space = space.map_err(|error| no_space(&self.space, error))?;
        let table = self.table.as_deref();
        let table = table.map(|path| Table::read(path, &space)).transpose();
        let proxy = self.proxy.proxy()?;
        let whole = match self.bounds.iter().any(|limits| limits.shares) {
            true => Some(self.whole(&space)?),
            false => None,
        };
        let bound = |limits: &Limits| {
            let whole = whole.as_ref().filter(|_| limits.shares);
            let unit = whole.map_or(Some(1.0), |whole| whole.get(limits.cost));
            let unit = unit.unwrap_or(f64::NAN);
            Bound {
                cost: limits.cost,
                least: limits.least.map_or(f64::NEG_INFINITY, |least| least * unit),
                most: limits.most.map_or(f64::INFINITY, |most| most * unit),
            }
        };
        Ok(NasOptions {
            method: self.method,
            cost: self.cost,
            bounds: self.bounds.iter().map(bound).collect(),
            table: table.map_err(|error| failed(error.into()))?,
            budget: self.budget,
            served: self.served,
            population: self.population,
            seed: self.seed,
            supernet: match &self.supernet {
                Some(path) => Some(weighted(report, path, self.adapter.as_deref())?),
                None => None,
            },
            restricted: self.restricted,
            rerank: self.rerank,
            ..NasOptions::new(space, proxy)
        })
    }

    /// Costs of the largest network of the space, of which a bound is a share.
    fn whole(&self, space: &Space) -> Result<Costs> {
        let whole = space.largest();
        let whole = whole.and_then(|largest| space.architecture(&largest));
        let whole = whole.map_err(|error| failed(error.into()))?;
        let positions = self.pass.positions(Some(whole.positions));
        let load = Load {
            batch: (self.pass.batch, positions),
            served: self.served,
        };
        Ok(Costs::count(&whole, load, None))
    }

    /// The space, of a file of its own or of a LoNAS configuration and its model.
    fn read_space(&self) -> Result<Space, lpzero::arch::Error> {
        if self.space == Path::new(CUT) && !self.space.is_file() {
            let folder = self.supernet.as_deref();
            let folder = folder.filter(|path| *path != Path::new(SEEDED));
            let folder = folder.ok_or_else(|| lpzero::arch::Error::Unsupported {
                path: CUT.into(),
                what: "a space of what is cut from a network: expected its folder as --supernet"
                    .into(),
            })?;
            return Space::cut(&Document::read(&folder.join("config.json"))?.root());
        }
        let is_file = self.space.is_file();
        if is_file && let Some(folder) = &self.supernet {
            let document = Document::read(&self.space)?;
            if document.root().find(LONAS).is_some() {
                let base = Document::read(&folder.join("config.json"))?;
                return Space::lonas(&document.root(), &base.root());
            }
        }
        Space::read(&self.space)
    }

    /// A hash of everything that scores, measurements and their order follow from, with
    /// what the files hold that are named.
    ///
    /// # Errors
    /// Weights that cannot be read, and a command that was interrupted.
    pub fn inputs(
        &self,
        session: &Session,
        options: &NasOptions,
        workbench: &Workbench,
    ) -> Result<ContentHash> {
        let NasOptions { space, table, .. } = options;
        let tokens = workbench.pass().text.as_deref().map(text::hash);
        let folders = [&self.supernet, &self.adapter].into_iter().flatten();
        let folders = folders.filter(|path| **path != Path::new(SEEDED));
        let weights = folders.map(|path| weights::hash(path, &session.cancel));
        let weights = weights.collect::<Result<Vec<_>>>()?;
        let text = format!("{self:?}\n{space:?}\n{table:?}\n{tokens:?}\n{weights:?}");
        Ok(ContentHash::of_bytes(text.as_bytes()))
    }
}

/// The bounds that options name.
fn bounds(arguments: &BoundArguments) -> Result<Vec<Limits>> {
    let BoundArguments {
        max_params,
        min_params,
        max_decoder_params,
        max_flops,
        max_memory,
        max_serving,
        max_latency,
        max_table,
    } = *arguments;
    if let (Some(Amount::Of(least)), Some(Amount::Of(most)))
    | (Some(Amount::Share(least)), Some(Amount::Share(most))) = (min_params, max_params)
        && least > most
    {
        return Err(Failure::typed(format_args!(
            "--min-params {least}: expected no more than --max-params {most}"
        )));
    }
    let at_most = |most: Option<f64>| most.map(Amount::Of);
    let bounds = [
        (Cost::Params, min_params, max_params),
        (Cost::DecoderParams, None, max_decoder_params),
        (Cost::Flops, None, max_flops),
        (Cost::Memory, None, max_memory),
        (Cost::Serving, None, max_serving),
        (Cost::Latency, None, at_most(max_latency)),
        (Cost::Table, None, at_most(max_table)),
    ];
    let mut limits = Vec::new();
    for (cost, least, most) in bounds {
        let share = |amount: Option<Amount>| match amount {
            Some(Amount::Share(share)) => Some(share),
            _ => None,
        };
        let quantity = |amount: Option<Amount>| match amount {
            Some(Amount::Of(quantity)) => Some(quantity),
            _ => None,
        };
        for (shares, least, most) in [
            (false, quantity(least), quantity(most)),
            (true, share(least), share(most)),
        ] {
            if least.is_some() || most.is_some() {
                limits.push(Limits {
                    cost,
                    least,
                    most,
                    shares,
                });
            }
        }
    }
    Ok(limits)
}

/// The weights that --supernet names.
fn weighted(report: Reporter, path: &Path, adapter: Option<&Path>) -> Result<SupernetWeights> {
    if path == Path::new(SEEDED) {
        return match adapter {
            None => Ok(SupernetWeights::Seeded),
            Some(adapter) => Err(Failure::typed(format_args!(
                "--adapter {}: expected the folder that it belongs to as --supernet",
                adapter.display()
            ))),
        };
    }
    let architecture = read_architecture(path, Reading::default())?;
    match (stored(report, path, &architecture)?, adapter) {
        (Some(base), None) => Ok(SupernetWeights::Stored(base)),
        (Some(base), Some(adapter)) => Ok(SupernetWeights::Adapted {
            base,
            layout: Layout::of_folder(path).map_err(engine)?,
            folder: adapter.to_owned(),
        }),
        (None, _) => Err(Failure::typed(format_args!(
            "--supernet {}: expected a folder with model.safetensors, or `{SEEDED}`",
            path.display()
        ))),
    }
}
