//! The workloads: names, sizes and sides, as data.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lpzero_arch::{
    Activation, Architecture, Block, Embedding, FeedForward, Head, Initialisation, Kind, Mixer,
    NormKind, NormPlacement, PositionWidth, Reading, Transform,
};
use lpzero_truth::{GroundTruth, known};

use crate::arguments::Arguments;
use crate::from_root;
use crate::task::{Pass, Task};

/// Every workload, in the order in which they run.
pub const NAMES: [&str; 12] = [
    "matmul", "W1", "train", "W2", "WMA", "DFT", "DCT", "DSC", "LTS", "frugal", "init", "trace",
];

/// Two tasks to be timed in turns.
pub struct Workload {
    pub name: &'static str,
    /// One line for people.
    pub about: String,
    pub ours: Task,
    pub peer: Peer,
    /// Fewer iterations than the user asks for, and no warm-up.
    pub most_iterations: Option<usize>,
}

/// What stands on the other side.
pub enum Peer {
    /// PyTorch with the same task.
    PyTorch,
    /// The engine itself with another one.
    Engine(Box<Task>),
}

impl Workload {
    /// FLOPs of one iteration, where it is a pass; an update of the weights is not
    /// counted.
    pub fn flops(&self) -> Option<f64> {
        self.ours.pass().map(Pass::flops)
    }

    pub fn needs_python(&self) -> bool {
        matches!(self.peer, Peer::PyTorch)
    }
}

/// The workloads that the user wants, and the names of those whose data are
/// not there.
pub fn selected(arguments: &Arguments) -> anyhow::Result<(Vec<Workload>, Vec<&'static str>)> {
    let wanted =
        |name: &&str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let (mut selected, mut skipped) = (Vec::new(), Vec::new());
    for name in NAMES.into_iter().filter(wanted) {
        match workload(name, arguments)? {
            Some(workload) => selected.push(workload),
            None => skipped.push(name),
        }
    }
    Ok((selected, skipped))
}

/// A workload by its name; `None`, with a loud remark, where its published
/// data are not there.
fn workload(name: &'static str, arguments: &Arguments) -> anyhow::Result<Option<Workload>> {
    let (mut peer, mut most_iterations) = (Peer::PyTorch, None);
    let attention = Mixer::Attention {
        heads: 4,
        weighted: false,
    };
    let (about, ours) = match name {
        "matmul" => (
            "an encoder of hardly anything but matrix products of width 2048, 1 x 1024 tokens"
                .into(),
            Task::Pass(Pass::new(products(), 1, 1024)),
        ),
        "W1" => (
            "a GPT-2-like decoder: width 512, 8 layers, 8 x 192 tokens".into(),
            Task::Pass(Pass::new(decoder(), 8, 192)),
        ),
        "train" => (
            "W1 with clipping and AdamW: a step of training, 8 x 192 tokens".into(),
            Task::Update(Pass::new(decoder(), 8, 192)),
        ),
        "W2" => of_encoder("softmax attention", attention),
        "WMA" => of_encoder(
            "weighted attention",
            Mixer::Attention {
                heads: 4,
                weighted: true,
            },
        ),
        "DFT" => of_encoder("Fourier transforms", transform(Transform::Fourier)),
        "DCT" => of_encoder("cosine transforms", transform(Transform::Cosine)),
        "DSC" => of_encoder(
            "dynamic convolutions of length 9",
            Mixer::DynamicConvolution {
                heads: 4,
                kernel: 9,
            },
        ),
        "LTS" | "frugal" => {
            let Some(folder) = published("lts-gpt2-wt103") else {
                return Ok(None);
            };
            let (id, architecture) = largest(&folder)?;
            let frugal = name == "frugal";
            let how = if frugal { ", memory before time" } else { "" };
            let pass = Pass::new(architecture, 4, 192);
            (
                format!("the largest published GPT-2 ({id}), 4 x 192 tokens{how}"),
                Task::Pass(Pass { frugal, ..pass }),
            )
        }
        "init" => (
            format!("{NORMALS} seeded normal numbers"),
            Task::Normals {
                architecture: table_of_normals(),
                elements: NORMALS,
            },
        ),
        _ => {
            let Some(truth) = published("flexibert") else {
                return Ok(None);
            };
            let count = arguments.architectures;
            let traces = |recorded| Task::Traces {
                truth: truth.clone(),
                count,
                batch: 8,
                positions: 128,
                recorded,
            };
            peer = Peer::Engine(Box::new(traces(false)));
            most_iterations = Some(3);
            (
                format!("traces of {count} FlexiBERT encoders beside bare passes, 8 x 128 tokens"),
                traces(true),
            )
        }
    };
    Ok(Some(Workload {
        name,
        about,
        ours,
        peer,
        most_iterations,
    }))
}

/// A published ground truth, from `$LPZERO_DATA` or beside the checkout.
fn published(name: &str) -> Option<PathBuf> {
    let location = known(name)?.location;
    let beside = || from_root(Path::new("../shared/data"));
    let path = std::env::var_os("LPZERO_DATA")
        .map_or_else(beside, PathBuf::from)
        .join(location);
    if !path.exists() {
        eprintln!(
            "SKIPPED: no {} (set LPZERO_DATA to the folder that has it)",
            path.display()
        );
        return None;
    }
    Some(path)
}

/// The architecture with the most parameters, and its id.
fn largest(truth: &Path) -> anyhow::Result<(String, Architecture)> {
    let truth = GroundTruth::read(truth, Reading::AsTrained)?;
    let parameters = |architecture: &Architecture| architecture.parameters().total();
    let largest = (truth.entries.into_iter())
        .max_by_key(|entry| parameters(&entry.architecture))
        .context("the ground truth is empty")?;
    Ok((largest.id, largest.architecture))
}

const INITIALISATION: Initialisation = Initialisation {
    weight: 0.02,
    residual: None,
    projection: 0.02,
};

fn transform(transform: Transform) -> Mixer {
    Mixer::Transform {
        heads: 4,
        transform,
    }
}

/// A GPT-2-like decoder; most workloads change a little of it.
fn decoder() -> Architecture {
    Architecture {
        kind: Kind::Decoder,
        vocabulary: 10_000,
        positions: 192,
        token_types: 0,
        width: 512,
        embedding: Embedding {
            width: 512,
            cutoffs: vec![10_000],
            division: 1,
            projection_bias: false,
            scale_by_root_width: false,
            position_width: PositionWidth::Model,
            norm: false,
        },
        blocks: blocks(8, 8, 1500, Activation::GeluTanh),
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-5,
        head: Head::Tied,
        initialisation: INITIALISATION,
    }
}

/// Blocks of softmax attention.
fn blocks(count: usize, heads: usize, hidden: usize, activation: Activation) -> Vec<Block> {
    let block = Block {
        mixer: Mixer::Attention {
            heads,
            weighted: false,
        },
        feed_forward: FeedForward::dense(vec![hidden], activation),
        adapters: Default::default(),
        left_out: false,
    };
    vec![block; count]
}

/// A FlexiBERT-like encoder without projection, one mixer on all layers.
fn encoder(mixer: Mixer) -> Architecture {
    let mut architecture = Architecture {
        kind: Kind::Encoder,
        vocabulary: 30_522,
        positions: 512,
        token_types: 2,
        width: 256,
        blocks: blocks(4, 4, 1024, Activation::Gelu),
        norm_placement: NormPlacement::Post,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-12,
        head: Head::None,
        embedding: Embedding {
            width: 256,
            cutoffs: vec![30_522],
            division: 1,
            projection_bias: true,
            scale_by_root_width: false,
            position_width: PositionWidth::Embedding,
            norm: true,
        },
        initialisation: INITIALISATION,
    };
    for block in &mut architecture.blocks {
        block.mixer = mixer;
    }
    architecture
}

fn of_encoder(mixers: &str, mixer: Mixer) -> (String, Task) {
    (
        format!("a BERT-like encoder: width 256, 4 layers, {mixers}, 8 x 128 tokens"),
        Task::Pass(Pass::new(encoder(mixer), 8, 128)),
    )
}

/// One wide block with one head: what the engine reaches in plain products.
fn products() -> Architecture {
    const WIDTH: usize = 2048;
    let mut architecture = encoder(Mixer::Attention {
        heads: 1,
        weighted: false,
    });
    architecture.vocabulary = 64;
    architecture.positions = 1024;
    architecture.width = WIDTH;
    architecture.embedding.width = WIDTH;
    architecture.embedding.cutoffs = vec![64];
    architecture.blocks = blocks(1, 1, WIDTH, Activation::Relu);
    architecture
}

/// Elements of the token table of [`table_of_normals`].
const NORMALS: usize = 50_000_000;

/// A network that is little but its token table.
fn table_of_normals() -> Architecture {
    const WIDTH: usize = 64;
    let mut architecture = decoder();
    architecture.vocabulary = NORMALS / WIDTH;
    architecture.positions = 2;
    architecture.width = WIDTH;
    architecture.embedding.width = WIDTH;
    architecture.embedding.cutoffs = vec![NORMALS / WIDTH];
    architecture.blocks = blocks(1, 1, WIDTH, Activation::Relu);
    architecture
}
