//! The engine on given tokens: what tests hold a trace of PyTorch against.

use std::path::{Path, PathBuf};

use lpzero::arch::{Architecture, Reading, read_architecture};
use lpzero::language::ExactVisitor;
use lpzero::nn::{Batch, Network, Objective, Stored, Workspace};
use lpzero::trace::{NetworkScalar, Recorder};
use pyo3::prelude::*;

use crate::errors::refused;
use crate::proxy::Proxy;
use crate::trace::Trace;

/// Sequences of tokens, all of one length.
type Sequences = Vec<Vec<u32>>;

/// A folder of transformers as a network, with a minibatch for it.
struct Loaded {
    architecture: Architecture,
    network: Network<f32>,
    batch: Batch,
    workspace: Workspace<f32>,
}

impl Loaded {
    fn open(folder: &Path, tokens: &[Vec<u32>], objective: Option<&str>) -> PyResult<Self> {
        let architecture = read_architecture(folder, Reading::AsTrained).map_err(refused)?;
        let known = |name: &str| {
            let mut rows = Objective::ALL.iter();
            let found = rows.find(|(_, known)| *known == name);
            found.map(|(objective, _)| *objective).ok_or_else(|| {
                let names: Vec<&str> = Objective::ALL.iter().map(|(_, name)| *name).collect();
                let names = names.join(", ");
                refused(format_args!("objective {name:?}: expected one of {names}"))
            })
        };
        let objective = match objective {
            Some(name) => known(name)?,
            None => Objective::default_for(&architecture),
        };
        let stored = Stored::open_folder(folder).map_err(refused)?;
        let stored = stored
            .ok_or_else(|| refused(format_args!("{}: no safetensors file", folder.display())))?;
        let mut workspace = Workspace::new();
        let network = Network::loaded(&architecture, objective, &stored, &mut workspace);
        let positions = tokens.first().map_or(0, Vec::len);
        let batch = Batch::from_tokens(
            tokens.concat(),
            tokens.len(),
            positions,
            architecture.vocabulary,
        );
        Ok(Self {
            network: network.map_err(refused)?,
            batch: batch.map_err(refused)?,
            architecture,
            workspace,
        })
    }
}

/// The engine's trace of a folder of transformers on given tokens, in single precision.
#[pyfunction]
#[pyo3(signature = (folder, tokens, objective = None))]
pub fn engine_trace(
    py: Python<'_>,
    folder: PathBuf,
    tokens: Sequences,
    objective: Option<&str>,
) -> PyResult<Trace> {
    let mut loaded = Loaded::open(&folder, &tokens, objective)?;
    py.detach(|| {
        let mut recorder = Recorder::new();
        let pass = (loaded.network).pass_with(&loaded.batch, &mut recorder, &mut loaded.workspace);
        let trace = recorder.finish(&loaded.architecture, pass.map_err(refused)?);
        Ok(Trace(trace.into()))
    })
}

/// The engine's exact scores of a folder of transformers on given tokens, further passes
/// included: NaN with a reason where one is not finite.
#[pyfunction]
#[pyo3(signature = (folder, tokens, proxies, objective = None))]
pub fn engine_scores(
    py: Python<'_>,
    folder: PathBuf,
    tokens: Sequences,
    proxies: Vec<Proxy>,
    objective: Option<&str>,
) -> PyResult<Vec<(f64, Option<String>)>> {
    let mut loaded = Loaded::open(&folder, &tokens, objective)?;
    let formulas = proxies.iter().map(|proxy| Ok(proxy.inner()?.formula));
    let formulas = formulas.collect::<PyResult<Vec<_>>>()?;
    let mut visitor = ExactVisitor::new(&formulas).map_err(refused)?;
    py.detach(|| {
        let workspace = &mut loaded.workspace;
        let loss = lpzero::run_passes(&loaded.network, &loaded.batch, &mut visitor, workspace);
        let mut scalars = lpzero::trace::Trace::data_free(&loaded.architecture).scalars;
        scalars[NetworkScalar::Loss as usize] = loss.map_err(refused)?;
        let pair = |score: Result<f64, String>| match score {
            Ok(score) => (score, None),
            Err(why) => (f64::NAN, Some(why)),
        };
        Ok(visitor
            .finish_telling(&scalars)
            .into_iter()
            .map(pair)
            .collect())
    })
}

/// Positions that the masked-token objective masks under a seed, counted through a whole
/// batch of so many sequences and positions.
#[pyfunction]
pub fn masked_positions(batch: usize, positions: usize, seed: u64) -> PyResult<Vec<usize>> {
    let count = batch
        .checked_mul(positions)
        .filter(|count| *count <= 1 << 28);
    let count = count.ok_or_else(|| refused("more than 2^28 tokens"))?;
    let batch = Batch {
        tokens: vec![0; count],
        batch,
        positions,
    };
    Ok(batch.masked_positions(seed))
}
