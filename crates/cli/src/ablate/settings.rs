//! Everything that an ablation is a function of, validated, as its folder keeps it.

use anyhow::Result;
use lpzero::ablation::{AXES, Axis};
use lpzero::run::Shard;
use lpzero::search::{Budget, Settings};
use lpzero::truth::TruthSource;
use lpzero::{AblationOptions, SplitSizes, Study};
use serde::{Deserialize, Serialize};

use crate::arguments::Ablate;
use crate::failure::Failure;
use crate::session::Session;
use crate::settings::{PassSettings, absolute_source, read_truth, truth_source};

/// Layout of an ablation's folder.
pub const VERSION: u32 = 2;

/// Everything that an ablation is a function of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AblateSettings {
    version: u32,
    seed: u64,
    axes: Vec<String>,
    truth: TruthSource,
    pass: PassSettings,
    split: Option<SplitSizes>,
    seeds: u64,
    budget: Option<u64>,
}

impl AblateSettings {
    /// The ablation that the command line describes.
    ///
    /// # Errors
    /// A minibatch without tokens or of too many.
    pub fn new(seed: u64, arguments: &Ablate) -> Result<Self> {
        Ok(Self {
            version: VERSION,
            seed,
            axes: match &arguments.axes[..] {
                [] => AXES.iter().map(|axis| axis.name.to_owned()).collect(),
                axes => axes.to_vec(),
            },
            truth: absolute_source(truth_source(&arguments.truth)),
            pass: PassSettings::new(&arguments.pass)?,
            split: arguments.split.map(Into::into),
            seeds: arguments.seeds,
            budget: arguments.budget,
        })
    }

    /// Reads the ground truth.
    pub fn study(&self, session: &Session) -> Result<Study> {
        let truth = read_truth(&self.truth, session.report)?;
        let networks = truth.entries.iter().map(|entry| &entry.architecture);
        let workbench = session.workbench_seeded(&self.pass, self.seed, networks)?;
        Ok(Study::new(vec![truth], workbench))
    }

    /// Options of the library: which axes to change, and how to search.
    pub fn options(&self, shard: Option<Shard>) -> Result<AblationOptions> {
        let mut axes: Vec<&'static Axis> = Vec::new();
        for name in &self.axes {
            let axis = Axis::named(name).ok_or_else(|| {
                Failure::input(format_args!(
                    "axis {name}: unknown; see lpzero ablate --help"
                ))
            })?;
            if !axes.iter().any(|known| known.name == axis.name) {
                axes.push(axis);
            }
        }
        let budget = self.budget;
        Ok(AblationOptions {
            axes,
            split: self.split,
            seed: self.seed,
            seeds: self.seeds,
            budget: budget.map_or(Settings::default().budget, Budget::Evaluations),
            shard,
        })
    }
}
