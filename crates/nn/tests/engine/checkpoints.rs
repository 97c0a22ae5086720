//! Folders of transformers: logits, loss and every gradient as there.
//!
//! The fixtures are written by `tools/dump_checkpoints.py`.
use std::sync::Arc;

use crate::checkpoint::{compare, fixture, open};
use lpzero_arch::{Reading, read_architecture};
use lpzero_nn::{Layout, Network, Prefixes, Stored, Workspace, read_safetensors};

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

checkpoints! { llama llama_scaled_biased llama_sharded mistral qwen2 qwen3 olmo2 gpt2 bert electra }

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
fn what_is_written_is_what_was_read() {
    for (name, model_type) in [("gpt2", "gpt2"), ("qwen3", "qwen3"), ("electra", "electra")] {
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
        let mut written = Layout::of(model_type).unwrap().tensors(ours);
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
        if name == "gpt2" {
            let file = read_safetensors::<f32>(&folder.join("model.safetensors")).unwrap();
            for (name, _, data) in &written {
                assert_eq!(*data, file[name].1, "{name}");
            }
        }
    }
}
