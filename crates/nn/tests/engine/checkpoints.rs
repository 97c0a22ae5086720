//! Folders of transformers: logits, loss and every gradient as there.
//!
//! The fixtures are written by `tools/dump_checkpoints.py`.
use std::sync::Arc;

use crate::checkpoint::{compare, fixture, open};
use lpzero_arch::{Reading, read_architecture};
use lpzero_nn::{
    Batch, BlockOrder, Layout, Network, Ordered, Prefixes, Source, Stored, Workspace,
    read_safetensors,
};

fn check(name: &str) {
    let folder = fixture(name);
    let (architecture, _, source) = open(&folder);
    compare(&architecture, source, &folder.join("expected"));
}

macro_rules! checkpoints {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )*};
}

checkpoints! { llama llama_scaled_biased llama_sharded mistral qwen2 qwen3 olmo2 gemma3 phi3 phi3_partial gpt_neox gpt2 bert electra }

/// By `tools/dump_sub_network.py`: what transformers made of an exported folder.
#[test]
fn a_part_of_a_folder_is_what_transformers_loads_of_its_export() {
    let (whole, objective, source) = open(&fixture("llama"));
    let folder = fixture("llama_part");
    let part = read_architecture(&folder, Reading::AsTrained).unwrap();
    let source = Prefixes::of(source, &whole, objective).unwrap();
    compare(&part, Arc::new(source), &folder.join("expected"));
}

#[test]
fn another_order_of_channels_and_heads_is_the_same_network() {
    for name in ["llama", "olmo2", "gemma3", "phi3"] {
        let (whole, objective, source) = open(&fixture(name));
        let orders = whole.blocks.iter().map(|block| {
            let mut order = BlockOrder::unchanged(block);
            order.channels.rotate_left(5);
            order.channels.swap(1, 3);
            order.key_heads.reverse();
            order
        });
        let orders: Vec<BlockOrder> = orders.collect();
        let ordered = Ordered::of(Arc::clone(&source), &whole, orders.clone()).unwrap();
        let tokens = (1..8).chain(2..9).collect();
        let batch = Batch::from_tokens(tokens, 2, 7, whole.vocabulary).unwrap();
        let mut workspace = Workspace::new();
        let mut computed = |source: &dyn Source<f64>| {
            let network = Network::loaded(&whole, objective, source, &mut workspace).unwrap();
            let first = network.parameters().iter();
            let first = first.filter(|tensor| tensor.name.ends_with("ffn.0.weight"));
            let first = first
                .flat_map(|tensor| tensor.data.clone())
                .collect::<Vec<_>>();
            (
                network.log_likelihoods(&batch, &mut workspace).unwrap(),
                first,
            )
        };
        let (plain, moved) = (computed(&*source), computed(&ordered));
        assert_ne!(plain.1, moved.1);
        for (a, b) in plain.0.iter().zip(&moved.0) {
            assert!((a - b).abs() < 1e-12, "{name}: {a} {b}");
        }
        // A channel that is named twice is none.
        let mut twice = orders;
        twice[0].channels[0] = twice[0].channels[1];
        assert!(Ordered::of(source, &whole, twice).is_none());
    }
}

#[test]
fn what_is_written_is_what_was_read() {
    for (name, model_type) in [
        ("gpt2", "gpt2"),
        ("qwen3", "qwen3"),
        ("electra", "electra"),
        ("phi3", "phi3"),
        ("gpt_neox", "gpt_neox"),
    ] {
        let folder = fixture(name);
        let (architecture, objective, source) = open(&folder);
        let network = Network::loaded(&architecture, objective, &*source, &mut Workspace::new());
        let ours: Vec<_> = (network.unwrap().parameters().iter())
            .map(|tensor| {
                let data: Vec<f32> = tensor.data.iter().map(|&x| x as f32).collect();
                (tensor.name.clone(), tensor.shape.clone(), data)
            })
            .collect();
        let ours = ours
            .iter()
            .map(|(name, shape, data)| (&name[..], &shape[..], &data[..]));
        let mut written = Layout::of(model_type)
            .unwrap()
            .tensors(&architecture.blocks, ours);
        written.sort_by(|a, b| a.0.cmp(&b.0));
        let stored = Stored::open_folder(&folder).unwrap().unwrap();
        let mut shapes: Vec<_> = stored
            .shapes()
            .map(|(n, s)| (n.to_owned(), s.to_vec()))
            .collect();
        // The decoder of a masked-token head is its bias once more.
        shapes.retain(|(name, _)| !name.contains("decoder"));
        shapes.sort();
        let found: Vec<_> = written
            .iter()
            .map(|(n, s, _)| (n.clone(), s.clone()))
            .collect();
        assert_eq!(found, shapes);
        if !["qwen3", "electra"].contains(&name) {
            let file = read_safetensors::<f32>(&folder.join("model.safetensors")).unwrap();
            for (name, _, data) in &written {
                assert_eq!(*data, file[name].1, "{name}");
            }
        }
    }
}
