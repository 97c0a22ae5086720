//! Everything that scores are a function of, validated, as a folder keeps it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lpzero::arch::Reading;
use lpzero::run::{Cancel, ContentHash};
use lpzero::truth::TruthSource;
use lpzero::{Networks, Pass, Proxy, Repeats, text};
use serde::{Deserialize, Serialize};

use crate::arguments::{Score, WeightsArgument};
use crate::failure::Failure;
use crate::output::Reporter;
use crate::settings::{
    Formula, PassSettings, absolute, absolute_source, proxies, read_architecture, read_truth,
    truth_source,
};
use crate::weights;

/// Layout of the folder of a scoring.
pub const VERSION: u32 = 1;

/// A scoring, wherever it goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreSettings {
    version: u32,
    seed: u64,
    truth: Option<TruthSource>,
    architectures: Vec<Named>,
    reading: Reading,
    /// Whether weights are drawn where a folder has its own.
    seeded: bool,
    adapter: Option<PathBuf>,
    proxies: Vec<Formula>,
    pub pass: PassSettings,
    inits: u32,
    batches: u32,
    pub patience: f64,
}

/// A file or folder, and what tables call it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
    path: PathBuf,
}

impl ScoreSettings {
    /// The scoring that the command line describes.
    ///
    /// # Errors
    /// Proxies that there are not, a minibatch without tokens or of too many.
    pub fn new(seed: u64, arguments: &Score) -> Result<Self> {
        let named = |path: &PathBuf| Named {
            id: path.display().to_string(),
            path: absolute(path.clone()),
        };
        let truth = arguments.truth.truth.is_some();
        Ok(Self {
            version: VERSION,
            seed,
            truth: truth.then(|| absolute_source(truth_source(&arguments.truth))),
            architectures: arguments.architectures.iter().map(named).collect(),
            reading: arguments.truth.layout.reading.into(),
            seeded: arguments.weights == WeightsArgument::Seeded,
            adapter: arguments.adapter.clone().map(absolute),
            proxies: (proxies(&arguments.proxies)?.iter())
                .map(Formula::from)
                .collect(),
            pass: PassSettings::new(&arguments.pass)?,
            inits: arguments.repeats.inits,
            batches: arguments.repeats.batches,
            patience: arguments.patience.patience,
        })
    }

    /// The seed of weights and minibatches.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The proxies.
    pub fn proxies(&self) -> Result<Vec<Proxy>> {
        self.proxies.iter().map(Formula::proxy).collect()
    }

    /// Passes per network.
    pub fn repeats(&self) -> Repeats {
        let (inits, batches) = (self.inits, self.batches);
        Repeats { inits, batches }
    }

    /// The files and folders that are named.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.architectures.iter().map(|named| &*named.path)
    }

    /// Reads the networks.
    pub fn networks(&self, report: Reporter) -> Result<Networks> {
        match &self.truth {
            Some(source) => Ok(Networks::from(&read_truth(source, report)?)),
            None => self.named(report),
        }
    }

    /// The networks that are named by file or folder.
    fn named(&self, report: Reporter) -> Result<Networks> {
        let mut networks = Networks::new();
        for Named { id, path } in &self.architectures {
            let architecture = read_architecture(path, self.reading)?;
            let base = match self.seeded {
                false => weights::stored_or_seeded(report, path, &architecture)?,
                true => None,
            };
            let weights = match (base, &self.adapter) {
                (Some(base), Some(adapter)) => {
                    Some(weights::adapted(base, path, adapter, &architecture)?)
                }
                (None, Some(adapter)) => {
                    return Err(Failure::input(format_args!(
                        "--adapter {}: {} has no weights that it could be merged into",
                        adapter.display(),
                        path.display()
                    )));
                }
                (base, None) => base,
            };
            match weights {
                Some(weights) => networks.add_weighted(id, architecture, weights),
                None => networks.add(id, architecture),
            }
        }
        Ok(networks)
    }

    /// A hash of everything that scores follow from, with what the files hold that are named.
    ///
    /// # Errors
    /// Weights that cannot be read, and a command that was interrupted.
    pub fn inputs(&self, networks: &Networks, pass: &Pass, cancel: &Cancel) -> Result<ContentHash> {
        let folders = self.paths().chain(self.adapter.as_deref());
        let folders = folders.filter(|path| path.is_dir() && !self.seeded);
        let weights = folders.map(|path| weights::hash(path, cancel));
        let weights = weights.collect::<Result<Vec<_>>>()?;
        let tokens = pass.text.as_deref().map(text::hash);
        let architectures = serde_json::to_string(networks.architectures())?;
        let ids = networks.ids();
        let text = format!("{self:?}\n{ids:?}\n{architectures}\n{tokens:?}\n{weights:?}");
        Ok(ContentHash::of_bytes(text.as_bytes()))
    }
}
