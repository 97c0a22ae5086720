//! The engine's side: one workload in a process of its own.
//!
//! The only file of the benchmark that calls the engine. It answers the
//! commands that `benches/peers/pytorch.py` answers.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use lpzero::run::Cancel;
use lpzero_arch::{Architecture, Reading};
use lpzero_nn::{
    AdamW, Batch, Gradients, Network, NoVisitor, Objective, Site, TensorView, Visitor, Workspace,
    clip_factor, return_large_buffers,
};
use lpzero_trace::{
    DEFAULT_MEMORY, Resources, Tokens, TraceSpec, build_traces, memory_estimate, visit_passes,
};
use lpzero_truth::GroundTruth;
use rayon::{ThreadPool, ThreadPoolBuilder};
use safetensors::{Dtype, tensor};

use crate::process::{Check, Iteration};
use crate::resident::{self, Memory};
use crate::task::{Pass, SEED, Task};

/// Of `train`, as in `benches/peers/pytorch.py`: the largest norm of a gradient,
/// and a rate small enough for rounding to stay small over some updates.
const LARGEST_NORM: f64 = 1.0;
const LEARNING_RATE: f64 = 1e-4;

/// A task, ready to run again and again.
pub enum Prepared {
    Pass {
        network: Box<Network<f32>>,
        batch: Batch,
        workspace: Workspace<f32>,
    },
    Update {
        network: Box<Network<f32>>,
        batch: Batch,
        optimiser: AdamW<f32>,
        gradients: Gradients<f32>,
        workspace: Workspace<f32>,
    },
    Normals(Architecture, Workspace<f32>),
    Traces {
        architectures: Vec<Architecture>,
        spec: TraceSpec,
        pool: Arc<ThreadPool>,
        recorded: bool,
    },
}

/// Answers commands until `quit` or the end of the input.
pub fn serve() -> anyhow::Result<()> {
    // As the command does.
    return_large_buffers();
    let mut memory = Memory::default();
    let mut prepared = None;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let unprepared = || format!("{command} before prepare");
        let answer = match command {
            "quit" => break,
            "prepare" => {
                memory.idle = resident::now();
                prepared = Some(Prepared::read(Path::new(argument))?);
                resident::reset_peak()?;
                serde_json::json!({})
            }
            "run" => {
                let task: &mut Prepared = prepared.as_mut().with_context(unprepared)?;
                let start = Instant::now();
                let loss = task.run()?;
                let seconds = start.elapsed().as_secs_f64();
                serde_json::to_value(Iteration { seconds, loss })?
            }
            "memory" => {
                memory.peak = resident::peak();
                serde_json::to_value(memory)?
            }
            "check" => serde_json::to_value(prepared.as_mut().with_context(unprepared)?.check()?)?,
            _ => bail!("unknown command `{command}`"),
        };
        println!("{answer}");
        io::stdout().flush()?;
    }
    Ok(())
}

impl Prepared {
    fn read(path: &Path) -> anyhow::Result<Self> {
        Self::new(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    }

    /// Builds the network of a pass, or reads the architectures of traces.
    pub fn new(task: Task) -> anyhow::Result<Self> {
        let pool = Arc::new(ThreadPoolBuilder::new().build()?);
        let mut workspace = Workspace::on(Arc::clone(&pool));
        Ok(match task {
            Task::Update(pass) => {
                let network = network(&pass.architecture, &mut workspace)?;
                Prepared::Update {
                    optimiser: AdamW::of(&network),
                    gradients: Gradients::of(&network),
                    network: Box::new(network),
                    batch: batch(&pass)?,
                    workspace,
                }
            }
            Task::Pass(pass) => Prepared::Pass {
                network: Box::new(network(&pass.architecture, &mut workspace)?),
                batch: batch(&pass)?,
                workspace: match pass.frugal {
                    true => workspace.frugal(),
                    false => workspace,
                },
            },
            Task::Normals { architecture, .. } => Prepared::Normals(architecture, workspace),
            Task::Product { .. } => bail!("the engine has no product of its own to time"),
            Task::Traces {
                truth,
                count,
                batch,
                positions,
                recorded,
            } => {
                let entries = GroundTruth::read(&truth, Reading::AsTrained)?.entries;
                let architectures = entries.into_iter().map(|entry| entry.architecture);
                Prepared::Traces {
                    architectures: architectures.take(count).collect(),
                    spec: TraceSpec {
                        batch,
                        positions,
                        tokens: Tokens::Zipf { seed: SEED },
                        ..TraceSpec::new("flexibert as-trained", SEED)
                    },
                    pool,
                    recorded,
                }
            }
        })
    }

    /// One iteration; returns the loss, if there is one.
    pub fn run(&mut self) -> anyhow::Result<Option<f64>> {
        match self {
            Prepared::Pass {
                network,
                batch,
                workspace,
            } => Ok(Some(network.pass_with(batch, &mut NoVisitor, workspace)?)),
            Prepared::Update {
                network,
                batch,
                optimiser,
                gradients,
                workspace,
            } => {
                gradients.clear();
                let loss = network.pass_with(batch, gradients, workspace)?;
                gradients.add_pass();
                let factor = clip_factor(gradients.norm(workspace), LARGEST_NORM);
                optimiser.update(network, gradients, (LEARNING_RATE, factor), workspace);
                Ok(Some(loss))
            }
            Prepared::Normals(architecture, workspace) => {
                network(architecture, workspace)?.recycle(workspace);
                Ok(None)
            }
            Prepared::Traces {
                architectures,
                spec,
                pool,
                recorded,
            } => {
                let largest = architectures.iter().map(|a| memory_estimate(a, spec)).max();
                let resources = Resources {
                    pool,
                    cache: None,
                    memory: DEFAULT_MEMORY.max(largest.unwrap_or(0)),
                    weights: &[],
                    progress: &|_| (),
                    bands: false,
                    beside: &|_| 0,
                    cancel: &Cancel::new(),
                };
                match recorded {
                    true => {
                        build_traces(architectures, spec, resources)?;
                    }
                    false => {
                        visit_passes(
                            architectures,
                            spec,
                            resources,
                            |_| NoVisitor,
                            |_, _, loss| loss,
                        )?;
                    }
                }
                Ok(None)
            }
        }
    }

    /// One more pass, for what must be equal on both sides.
    fn check(&mut self) -> anyhow::Result<Check> {
        let (Prepared::Pass {
            network,
            batch,
            workspace,
        }
        | Prepared::Update {
            network,
            batch,
            workspace,
            ..
        }) = self
        else {
            bail!("only a pass can be checked");
        };
        let mut norms = GradientNorms::default();
        let loss = network.pass_with(batch, &mut norms, workspace)?;
        Ok(Check {
            loss,
            gradients: norms.0,
        })
    }
}

/// The batch of a pass.
fn batch(pass: &Pass) -> anyhow::Result<Batch> {
    let vocabulary = pass.architecture.vocabulary;
    let tokens = pass.tokens.clone();
    Ok(Batch::from_tokens(
        tokens,
        pass.batch,
        pass.positions,
        vocabulary,
    )?)
}

/// The seeded network of an architecture under the objective it was made for.
fn network(
    architecture: &Architecture,
    workspace: &mut Workspace<f32>,
) -> anyhow::Result<Network<f32>> {
    let objective = Objective::default_for(architecture);
    Ok(Network::seeded_with(
        architecture,
        objective,
        SEED,
        workspace,
    )?)
}

/// Writes the weights that the engine draws, for its peer to load.
pub fn write_weights(pass: &Pass, path: &Path) -> anyhow::Result<()> {
    let network = network(&pass.architecture, &mut Workspace::new())?;
    let bytes: Vec<Vec<u8>> = (network.parameters().iter())
        .map(|parameter| {
            parameter
                .data
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect()
        })
        .collect();
    let views = (network.parameters().iter().zip(&bytes))
        .map(|(parameter, bytes)| {
            let view = tensor::TensorView::new(Dtype::F32, parameter.shape.clone(), bytes)?;
            Ok((parameter.name.as_str(), view))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(tensor::serialize_to_file(views, None, path)?)
}

/// The Euclidean norm of every gradient, by checkpoint name.
#[derive(Default)]
struct GradientNorms(BTreeMap<String, f64>);

impl Visitor<f32> for GradientNorms {
    fn parameter(
        &mut self,
        name: &str,
        _: Option<Site>,
        _: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        let squares = gradient.data.iter().map(|&g| f64::from(g) * f64::from(g));
        self.0.insert(name.to_owned(), squares.sum::<f64>().sqrt());
    }
}
