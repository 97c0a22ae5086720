//! Hidden states, logits, loss and every gradient against PyTorch.
//!
//! The fixtures are written by `tools/dump_networks.py`, which defines the
//! same networks once more.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lpzero_arch::{Architecture, Kind, NormPlacement};
use lpzero_nn::{Batch, Network, Objective, Real, Role, Site, Symbol, TensorView, Visitor};
use safetensors::{Dtype, SafeTensors};

/// A gradient can vanish in exact arithmetic (a key bias moves all scores of a
/// query alike) and be rounding noise on both sides. Each tensor is therefore
/// compared on the scale of its largest element, but on no finer one than this
/// share of the largest gradient in the network.
const FINEST_SCALE: f64 = 1e-3;

/// Shape and elements.
type Tensor = (Vec<usize>, Vec<f64>);

/// One fixture: what goes in and what PyTorch found.
struct Dump {
    architecture: Architecture,
    objective: Objective,
    batch: Batch,
    masked: Vec<usize>,
    parameters: BTreeMap<String, Tensor>,
    gradients: BTreeMap<String, Tensor>,
    outputs: BTreeMap<String, Tensor>,
}

impl Dump {
    fn read(name: &str) -> Dump {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(format!("{name}.safetensors"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().as_ref().unwrap();
        assert_eq!(metadata["format"], "lpzero-dump");
        assert_eq!(metadata["version"], "1");
        let architecture: Architecture = serde_json::from_str(&metadata["architecture"]).unwrap();
        let (objective, _) = Objective::ALL
            .into_iter()
            .find(|(_, name)| *name == metadata["objective"])
            .unwrap();

        let mut integers: BTreeMap<String, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        let mut parameters = BTreeMap::new();
        let mut gradients = BTreeMap::new();
        let mut outputs = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            let words = view.data().as_chunks::<8>().0.iter();
            let shape = view.shape().to_vec();
            if view.dtype() == Dtype::I64 {
                let data = words.map(|&word| i64::from_le_bytes(word).try_into().unwrap());
                integers.insert(name.to_owned(), (shape, data.collect()));
                continue;
            }
            assert_eq!(view.dtype(), Dtype::F64, "{name}");
            let tensor = (shape, words.map(|&word| f64::from_le_bytes(word)).collect());
            let (group, key) = match name.split_once('.').unwrap() {
                ("gradient", rest) => (&mut gradients, rest),
                ("output", rest) => (&mut outputs, rest),
                _ => (&mut parameters, name),
            };
            group.insert(key.to_owned(), tensor);
        }
        let (shape, tokens) = integers.remove("input.tokens").unwrap();
        let tokens = tokens.iter().map(|&token| token as u32).collect();
        Dump {
            batch: Batch::from_tokens(tokens, shape[0], shape[1], architecture.vocabulary).unwrap(),
            masked: integers
                .remove("input.masked")
                .map_or_else(Vec::new, |(_, masked)| masked),
            architecture,
            objective,
            parameters,
            gradients,
            outputs,
        }
    }

    /// Where the last hidden state comes out, if a norm is the last to make it.
    fn hidden_site(&self) -> Option<Site> {
        let last = self.architecture.blocks.len() as u16 - 1;
        let placement = self.architecture.norm_placement;
        let layer = match placement {
            _ if placement.has_final() => None,
            NormPlacement::Post => Some(last),
            _ => return None,
        };
        Some(Site {
            layer,
            role: Role::Norm,
            index: 1,
        })
    }

    /// Where the logits come out: after the dense map of a masked-token
    /// objective, or of the head cluster.
    fn logits_site(&self) -> Site {
        Site {
            layer: None,
            role: Role::Head,
            index: match self.architecture.kind {
                Kind::Encoder => 1,
                Kind::Decoder => 0,
            },
        }
    }
}

/// Keeps every gradient and every output activation.
#[derive(Default)]
struct Recorder {
    gradients: BTreeMap<String, Tensor>,
    activations: BTreeMap<(Site, Symbol), Tensor>,
}

fn kept<F: Real>(tensor: TensorView<'_, F>) -> Tensor {
    let data = tensor.data.iter().map(|x| x.to_f64()).collect();
    (tensor.shape.to_vec(), data)
}

impl<F: Real> Visitor<F> for Recorder {
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, F>) {
        let before = self.activations.insert((site, symbol), kept(tensor));
        assert!(before.is_none(), "{symbol:?} at {site:?} was shown twice");
    }

    fn parameter(
        &mut self,
        name: &str,
        _: Option<Site>,
        weight: TensorView<'_, F>,
        gradient: TensorView<'_, F>,
    ) {
        assert_eq!(weight.shape, gradient.shape, "{name}");
        let before = self.gradients.insert(name.to_owned(), kept(gradient));
        assert!(before.is_none(), "{name} was shown twice");
    }
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.1.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// Elements must agree to `tolerance` on the given scale.
fn assert_close(what: &str, found: &[f64], expected: &[f64], scale: f64, tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: number of elements");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / scale;
        // Written so that NaN fails.
        assert!(
            error <= tolerance,
            "{what}: element {i} is {found:e} instead of {expected:e}, off by {error:.1e} of {scale:.1e}"
        );
    }
}

fn compare<F: lpzero_nn::Engine>(name: &str, tolerance: f64) {
    let dump = Dump::read(name);
    let weights = dump.parameters.iter().map(|(name, (shape, data))| {
        let data = data.iter().map(|&x| F::of(x)).collect();
        (name.clone(), (shape.clone(), data))
    });
    let network =
        Network::<F>::from_tensors(&dump.architecture, dump.objective, weights.collect()).unwrap();
    if dump.objective == Objective::MaskedToken {
        // A loaded network has seed 0, which decides what is masked.
        let masked = dump.batch.masked_positions(0);
        assert_eq!(masked, dump.masked, "MASKED in tools/dump_networks.py");
    }
    let mut recorder = Recorder::default();
    let loss = network.pass(&dump.batch, &mut recorder).unwrap();

    let output = |what: &str, found: &[f64]| {
        let expected = &dump.outputs[what];
        let what = format!("{name}, {what}");
        assert_close(&what, found, &expected.1, largest(expected), tolerance);
    };
    if let Some(site) = dump.hidden_site() {
        output("hidden", &recorder.activations[&(site, Symbol::A)].1);
    }
    output(
        "logits",
        &recorder.activations[&(dump.logits_site(), Symbol::A)].1,
    );
    output("loss", &[loss]);

    let names = |tensors: &BTreeMap<String, Tensor>| -> BTreeSet<String> {
        tensors.keys().cloned().collect()
    };
    assert_eq!(
        names(&recorder.gradients),
        names(&dump.gradients),
        "{name}: the parameters that were shown, and those of the fixture"
    );
    let floor = FINEST_SCALE * dump.gradients.values().map(largest).fold(0.0, f64::max);
    for (parameter, expected) in &dump.gradients {
        let found = &recorder.gradients[parameter];
        let what = format!("{name}, gradient of {parameter}");
        assert_eq!(found.0, expected.0, "{what}: shape");
        let scale = largest(expected).max(floor);
        assert_close(&what, &found.1, &expected.1, scale, tolerance);
    }
}

macro_rules! equals_pytorch {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            compare::<f64>(stringify!($name), 1e-9);
            compare::<f32>(stringify!($name), 1e-4);
        }
    )*};
}

equals_pytorch! {
    encoder_sdp
    encoder_wma
    encoder_dft
    encoder_dct
    encoder_dsc
    gpt2_adaptive_div1
    gpt2_adaptive_div2
    gpt2_tied
    transformer_xl_post
    transformer_xl_pre
    llama
    llama_grouped
    llama_linear
    llama_scaled
    llama_biased
    qwen2
    qwen3
}
