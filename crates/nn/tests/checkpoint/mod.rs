//! A network beside what transformers and PyTorch computed of it.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lpzero_arch::{Architecture, Kind, Reading, read_architecture};
use lpzero_nn::{
    Batch, Layout, Network, Objective, Role, Site, Source, Stored, Symbol, TensorView, Visitor,
    Workspace, read_safetensors,
};

/// Relative to the largest element of a tensor. transformers computes norms and angles
/// in single precision whatever the model's.
pub const TOLERANCE: f64 = 1e-5;
/// The scale of gradients is no finer than this share of the largest one: those of a
/// key bias vanish, and are rounding noise on both sides.
const FINEST_SCALE: f64 = 1e-3;

pub fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
    fixtures.join(name)
}

#[derive(Default)]
struct Recorder {
    gradients: BTreeMap<String, Vec<f64>>,
    logits: BTreeMap<u16, Vec<f64>>,
}

impl Visitor<f64> for Recorder {
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f64>) {
        if site.role == Role::Head && symbol == Symbol::A {
            self.logits.insert(site.index, tensor.data.to_vec());
        }
    }

    fn parameter(
        &mut self,
        name: &str,
        _: Option<Site>,
        _: TensorView<'_, f64>,
        gradient: TensorView<'_, f64>,
    ) {
        self.gradients.insert(name.into(), gradient.data.to_vec());
    }
}

pub fn open(folder: &Path) -> (Architecture, Objective, Arc<dyn Source<f64>>) {
    let architecture = read_architecture(&folder.join("config.json"), Reading::AsTrained).unwrap();
    let objective = match architecture.kind {
        Kind::Decoder => Objective::NextToken,
        Kind::Encoder => Objective::MaskedToken,
    };
    let stored = Stored::open_folder(folder).unwrap().unwrap();
    (architecture, objective, Arc::new(stored))
}

/// The largest difference, relative to the larger of `finest` and the largest element.
fn difference(a: &[f64], b: &[f64], finest: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(finest, |scale, x| scale.max(x.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs() / scale);
    differences.fold(0.0, f64::max)
}

/// Compares logits, loss and every gradient with those in a folder.
pub fn compare(architecture: &Architecture, source: Arc<dyn Source<f64>>, expected: &Path) {
    let objective = Objective::default_for(architecture);
    let outputs = read_safetensors::<f64>(&expected.join("outputs.safetensors"));
    let outputs = outputs.unwrap();
    let (shape, tokens) = &outputs["tokens"];
    let tokens = tokens.iter().map(|&token| token as u32).collect();
    let batch = Batch::from_tokens(tokens, shape[0], shape[1], architecture.vocabulary).unwrap();
    let network = Network::streamed(architecture, objective, source).unwrap();
    let mut seen = Recorder::default();
    let loss = network.pass(&batch, &mut seen).unwrap();
    assert!((loss - outputs["loss"].1[0]).abs() < TOLERANCE * loss);
    let logits = &seen.logits[&u16::from(objective == Objective::MaskedToken)];
    assert!(difference(logits, &outputs["logits"].1, 0.0) < TOLERANCE);

    // A file of gradients is laid out as one of weights is.
    let (.., gradients) = open(expected);
    let mut workspace = Workspace::new();
    let gradients = Network::loaded(architecture, objective, &*gradients, &mut workspace);
    let gradients = gradients.unwrap();
    // Where weights of a file are less one, its gradients are read as one more.
    let layout = Layout::of_folder(expected).unwrap();
    let stored = gradients.parameters().iter().map(|gradient| {
        let offset = layout.offset(&gradient.name);
        let data = gradient.data.iter().map(|x| x - offset);
        (&gradient.name, data.collect::<Vec<f64>>())
    });
    let stored: Vec<_> = stored.collect();
    let finest = stored.iter().flat_map(|(_, data)| data);
    let finest = FINEST_SCALE * finest.fold(0.0f64, |largest, g| largest.max(g.abs()));
    assert_eq!(stored.len(), seen.gradients.len());
    for (name, data) in stored {
        let difference = difference(&seen.gradients[name], &data, finest);
        assert!(difference < TOLERANCE, "{name}: {difference:e}");
    }
}
