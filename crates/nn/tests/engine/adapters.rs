//! Adapters of PEFT: logits, loss and every gradient as there; sub-networks as the
//! arithmetic says.
//!
//! The fixtures are written by `tools/dump_likelihoods.py`.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::{TOLERANCE, compare, fixture};
use lpzero_arch::{Architecture, Reading, read_architecture};
use lpzero_nn::{
    Adapted, Layout, Network, Objective, Prefixes, Seeded, Source, Stored, Tensors, Workspace,
    read_safetensors,
};

fn adapter(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapters");
    fixtures.join(name)
}

fn architecture(base: &Path) -> Architecture {
    read_architecture(&base.join("config.json"), Reading::AsTrained).unwrap()
}

fn adapted(base: &str, folder: &Path) -> Result<Adapted<f64>, lpzero_nn::Error> {
    let base = fixture(base);
    let stored = Stored::open_folder(&base).unwrap().unwrap();
    let layout = Layout::of_folder(&base).unwrap();
    Adapted::open(Arc::new(stored), layout, &architecture(&base), folder)
}

fn check(name: &str, base: &str) {
    let folder = adapter(name);
    let source = Arc::new(adapted(base, &folder).unwrap());
    compare(
        &architecture(&fixture(base)),
        source,
        &folder.join("expected"),
    );
}

#[test]
fn some_maps_of_every_block() {
    check("llama", "llama");
}

#[test]
fn ranks_and_alphas_by_name_and_the_root_of_the_rank() {
    check("llama_patterns", "llama");
}

#[test]
fn the_head_too() {
    check("llama_head", "llama");
}

#[test]
fn maps_that_lie_side_by_side() {
    check("gpt2", "gpt2");
}

/// Every tensor of a source, whole.
fn tensors(architecture: &Architecture, source: &dyn Source<f64>) -> Tensors<f64> {
    let objective = Objective::NextToken;
    let network = Network::loaded(architecture, objective, source, &mut Workspace::new());
    let network = network.unwrap();
    let parameters = network.parameters().iter();
    parameters
        .map(|p| (p.name.clone(), (p.shape.clone(), p.data.clone())))
        .collect()
}

#[test]
fn a_sub_network_takes_leading_channels_and_ranks() {
    let base = fixture("llama");
    let whole = architecture(&base);
    let mut part = whole.clone();
    part.blocks[0].feed_forward.hidden = vec![7];
    part.blocks[1].feed_forward.hidden = vec![5];
    let folder = adapter("llama");
    let most = |map: &str| match map {
        "block.0.query" => Some(1),
        "block.1.ffn.0" => Some(2),
        "block.1.key" => Some(0),
        "block.0.value" => Some(99),
        _ => None,
    };
    let source = adapted("llama", &folder).unwrap().with_ranks(most);
    assert_eq!(source.ranks()["block.1.ffn.0"], 2);
    assert_eq!(source.ranks()["block.0.value"], 3);
    assert_eq!(source.ranks().len(), 8);
    let objective = Objective::NextToken;
    let prefixes = Prefixes::of(Arc::new(source), &whole, objective).unwrap();
    let found = tensors(&part, &prefixes);

    let stored = Stored::open_folder(&base).unwrap().unwrap();
    let plain = tensors(&whole, &stored);
    let lora = read_safetensors::<f64>(&folder.join("adapter_model.safetensors")).unwrap();
    for (name, (shape, data)) in &found {
        let (within, whole) = &plain[name];
        let Some((block, inner)) = name
            .strip_prefix("block.")
            .and_then(|rest| rest.split_once('.'))
        else {
            assert_eq!(data, whole, "{name}");
            continue;
        };
        let theirs = match inner {
            "query.weight" => "self_attn.q_proj",
            "key.weight" => "self_attn.k_proj",
            "value.weight" => "self_attn.v_proj",
            "ffn.0.weight" => "mlp.up_proj",
            _ => "",
        };
        let columns = *shape.last().unwrap();
        for (index, &x) in data.iter().enumerate() {
            let (i, j) = (index / columns, index % columns);
            let mut expected = whole[i * within.last().unwrap() + j];
            if !theirs.is_empty() {
                let of = |piece| {
                    let module = format!("base_model.model.model.layers.{block}.{theirs}");
                    &lora[&format!("{module}.lora_{piece}.weight")]
                };
                let ((a_shape, a), (b_shape, b)) = (of("A"), of("B"));
                let ranks = most(name.strip_suffix(".weight").unwrap()).unwrap_or(3);
                // alpha / r is 6 / 3.
                expected += (0..ranks.min(3))
                    .map(|r| 2.0 * b[i * b_shape[1] + r] * a[r * a_shape[1] + j])
                    .sum::<f64>();
            }
            assert!((x - expected).abs() < 1e-12, "{name} {i} {j}");
        }
    }
}

#[test]
fn an_adapter_of_seeded_weights_is_streamed_as_it_is_loaded() {
    let base = fixture("gpt2");
    let (architecture, layout) = (architecture(&base), Layout::of_folder(&base).unwrap());
    let open = || {
        let seeded = Arc::new(Seeded(3)) as Arc<dyn Source<f32>>;
        Adapted::open(seeded, layout, &architecture, &adapter("gpt2")).unwrap()
    };
    let objective = Objective::NextToken;
    let batch = lpzero_nn::Batch::zipf(13, 2, 7, 0);
    let mut workspace = Workspace::new();
    let loaded = Network::loaded(&architecture, objective, &open(), &mut workspace).unwrap();
    let streamed = Network::streamed(&architecture, objective, Arc::new(open())).unwrap();
    let plain = Network::seeded(&architecture, objective, 3).unwrap();
    let [loaded, streamed, plain] = [loaded, streamed, plain]
        .map(|network| network.evaluate_with(&batch, &mut workspace).unwrap());
    assert_eq!(loaded, streamed);
    assert!((loaded - plain).abs() > 1000.0 * TOLERANCE);
}
