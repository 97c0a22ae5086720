//! What an architecture search is a function of, as its folder keeps it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lpzero::Proxy;
use lpzero::arch::space::{BUILT_IN, LONAS};
use lpzero::arch::{Document, Space};
use lpzero::nas::{Bound, Cost, Table};
use lpzero::nn::Layout;
use lpzero::trace::Weights;
use serde::{Deserialize, Serialize};

use crate::arguments::{
    BoundArguments, BudgetArgument, CostArgument, Nas, NasMethodArgument, PassArguments,
};
use crate::failure::Failure;
use crate::folder::CONFIGURATION;
use crate::session::{failed, proxies};
use crate::weights::stored;

/// Everything that the user chose, with paths that mean the same in any folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Of the folder's layout.
    version: u32,
    pub seed: u64,
    space: PathBuf,
    proxy: Formula,
    pub pass: PassArguments,
    #[serde(default)]
    supernet: Option<PathBuf>,
    #[serde(default)]
    adapter: Option<PathBuf>,
    #[serde(default)]
    pub restricted: bool,
    #[serde(default)]
    pub rerank: usize,
    pub method: NasMethodArgument,
    cost: CostArgument,
    bounds: BoundArguments,
    table: Option<PathBuf>,
    pub budget: BudgetArgument,
    pub population: usize,
}

/// A formula, also where a run was named: that may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Formula {
    name: String,
    formula: String,
    sign: i8,
}

/// What the configuration names, read.
pub struct Subject {
    pub space: Space,
    pub proxy: Proxy,
    pub table: Option<Table>,
    pub bounds: Vec<Bound>,
    pub supernet: Option<Weighted>,
}

/// What a super-network's weights are.
pub enum Weighted {
    /// Drawn by the seed.
    Seeded,
    /// Those in a folder.
    Stored(Weights),
    /// Those with a low-rank adapter.
    Adapted {
        base: Weights,
        layout: &'static Layout,
        folder: PathBuf,
    },
}

const VERSION: u32 = 1;

/// In place of a folder: weights that are drawn.
const SEEDED: &str = "seeded";

/// The weights that --supernet names.
fn weighted(path: &Path, adapter: Option<&Path>) -> Result<Weighted> {
    if path == Path::new(SEEDED) {
        return match adapter {
            None => Ok(Weighted::Seeded),
            Some(adapter) => Err(Failure::input(format_args!(
                "--adapter {}: expected the folder that it belongs to as --supernet",
                adapter.display()
            ))),
        };
    }
    match (stored(path)?, adapter) {
        (Some(base), None) => Ok(Weighted::Stored(base)),
        (Some(base), Some(adapter)) => Ok(Weighted::Adapted {
            base,
            layout: Layout::of_folder(path).map_err(Failure::input)?,
            folder: adapter.to_owned(),
        }),
        (None, _) => Err(Failure::input(format_args!(
            "--supernet {}: expected a folder with model.safetensors, or `{SEEDED}`",
            path.display()
        ))),
    }
}

impl Configuration {
    /// The configuration that the command line describes.
    ///
    /// # Errors
    /// A proxy that is none, several, and options that contradict each other.
    pub fn of(seed: u64, arguments: &Nas) -> Result<Self> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let mut named = proxies(std::slice::from_ref(&arguments.proxy))?.into_iter();
        let (Some(proxy), None) = (named.next(), named.next()) else {
            return Err(Failure::input(format_args!(
                "--proxy {}: holds several formulas; expected one",
                arguments.proxy
            )));
        };
        let mut pass = arguments.pass.clone();
        pass.text = pass.text.map(absolute);
        pass.tokenizer = pass.tokenizer.map(absolute);
        let built_in = BUILT_IN
            .iter()
            .any(|(name, _)| Path::new(name) == arguments.space && !arguments.space.exists());
        let space = arguments.space.clone();
        Ok(Self {
            version: VERSION,
            seed,
            space: if built_in { space } else { absolute(space) },
            proxy: Formula {
                name: proxy.name,
                formula: proxy.formula.to_string(),
                sign: proxy.sign,
            },
            pass,
            supernet: match &arguments.supernet {
                Some(path) if path == Path::new(SEEDED) => Some(path.clone()),
                Some(path) => Some(absolute(path.clone())),
                // The best choice of every block is one of parts of one network.
                None => (arguments.method == NasMethodArgument::Exact).then(|| SEEDED.into()),
            },
            adapter: arguments.adapter.clone().map(absolute),
            restricted: arguments.restricted,
            rerank: arguments.rerank,
            method: arguments.method,
            cost: arguments.cost,
            bounds: arguments.bounds.clone(),
            table: arguments.table.clone().map(absolute),
            budget: arguments.budget,
            population: arguments.population,
        })
    }

    /// Refuses a folder of another layout.
    pub fn check_version(&self, folder: &Path) -> Result<()> {
        match self.version {
            VERSION => Ok(()),
            other => Err(Failure::input(format_args!(
                "--resume {}: version {other}; expected {VERSION}",
                folder.join(CONFIGURATION).display()
            ))),
        }
    }

    /// What the front trades the score against.
    pub fn cost(&self) -> Cost {
        match self.cost {
            CostArgument::Params => Cost::Params,
            CostArgument::DecoderParams => Cost::DecoderParams,
            CostArgument::Flops => Cost::Flops,
            CostArgument::Memory => Cost::Memory,
            CostArgument::Latency => Cost::Latency,
            CostArgument::Table => Cost::Table,
        }
    }

    /// Reads what is named.
    ///
    /// # Errors
    /// Files that cannot be used, and options that contradict each other.
    pub fn subject(&self) -> Result<Subject> {
        let wrong = |error: lpzero::nas::Error| failed(error.into());
        let space = self.read_space().map_err(|error| {
            // A misspelt name reads like a missing file.
            let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            match self.space.exists() {
                true => failed(error.into()),
                false => Failure::input(format_args!(
                    "--space {}: expected {}, or a file of format lpzero-space",
                    self.space.display(),
                    names.join(", ")
                )),
            }
        })?;
        let table = self.table.as_deref();
        let table = table.map(|path| Table::read(path, &space)).transpose();
        let table = table.map_err(wrong)?;
        if self.cost() == Cost::Table && table.is_none() {
            return Err(Failure::input(
                "--cost table: expected --table FILE beside it",
            ));
        }
        if !(4..=10_000).contains(&self.population) {
            return Err(Failure::input(format_args!(
                "--population {}: expected between 4 and 10000",
                self.population
            )));
        }
        let BoundArguments {
            max_params,
            min_params,
            max_decoder_params,
            max_flops,
            max_memory,
            max_latency,
            max_table,
        } = self.bounds;
        if let (Some(least), Some(most)) = (min_params, max_params)
            && least > most
        {
            return Err(Failure::input(format_args!(
                "--min-params {least}: expected no more than --max-params {most}"
            )));
        }
        let bounds = [
            (Cost::Params, min_params, max_params),
            (Cost::DecoderParams, None, max_decoder_params),
            (Cost::Flops, None, max_flops),
            (Cost::Memory, None, max_memory),
            (Cost::Latency, None, max_latency),
            (Cost::Table, None, max_table),
        ];
        let bounds = bounds.into_iter().filter_map(|(cost, least, most)| {
            (least.is_some() || most.is_some()).then_some(Bound {
                cost,
                least: least.unwrap_or(f64::NEG_INFINITY),
                most: most.unwrap_or(f64::INFINITY),
            })
        });
        let parsed = Proxy::parse(&self.proxy.formula).map_err(failed)?;
        Ok(Subject {
            space,
            proxy: Proxy {
                name: self.proxy.name.clone(),
                formula: parsed.formula,
                sign: self.proxy.sign,
            },
            table,
            bounds: bounds.collect(),
            supernet: match &self.supernet {
                Some(path) => Some(weighted(path, self.adapter.as_deref())?),
                None => None,
            },
        })
    }

    /// The space, of a file of its own or of a LoNAS configuration and its model.
    fn read_space(&self) -> Result<Space, lpzero::arch::Error> {
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

    /// A hash of everything that scores, measurements and their order follow from.
    pub fn inputs(&self, subject: &Subject) -> String {
        let Subject { space, table, .. } = subject;
        let text = format!("{self:?}\n{space:?}\n{table:?}");
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}
