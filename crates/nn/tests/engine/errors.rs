//! Wrong input ends in one clear sentence.
use std::path::Path;

use crate::common::{decoder, encoder};
use lpzero_arch::{Architecture, Mixer};
use lpzero_nn::{Batch, Error, Network, NoVisitor, Objective, Tensors, read_safetensors};

fn refusal(architecture: &Architecture, objective: Objective) -> String {
    let network = Network::<f32>::seeded(architecture, objective, 0);
    network.unwrap_err().to_string()
}

#[test]
fn heads_must_divide_the_width() {
    let mut architecture = encoder();
    architecture.blocks[0].mixer = Mixer::Attention {
        heads: 3,
        weighted: false,
    };
    let message = refusal(&architecture, Objective::MaskedToken);
    assert!(message.starts_with("the architecture is not valid: blocks[0].mixer"));
}

#[test]
fn a_network_of_a_trillion_weights_is_refused_before_memory_is_spent() {
    let mut architecture = encoder();
    architecture.blocks[0].feed_forward.hidden = vec![1_000_000; 2];
    assert!(refusal(&architecture, Objective::MaskedToken).contains("parameters"));
    architecture.blocks[0].feed_forward.hidden = vec![100_000; 2];
    assert_eq!(
        refusal(&architecture, Objective::MaskedToken),
        "the network would hold 10001800507 numbers, more than the limit of 4294967296"
    );
}

#[test]
fn a_batch_of_a_trillion_activations_is_refused_before_memory_is_spent() {
    let mut architecture = encoder();
    architecture.positions = 1 << 20;
    let network = Network::<f32>::seeded(&architecture, Objective::MaskedToken, 0).unwrap();
    let batch = Batch::zipf(11, 1, 1 << 20, 0);
    let error = network.pass(&batch, &mut NoVisitor).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the activations of this batch would hold")
    );
}

#[test]
fn objectives_say_what_they_need() {
    assert_eq!(
        refusal(&encoder(), Objective::NextToken),
        "objective next-token needs a decoder"
    );
    assert_eq!(
        refusal(&decoder(), Objective::MaskedToken),
        "objective masked-token needs an encoder"
    );
}

#[test]
fn a_batch_must_suit_the_network() {
    let network = Network::<f32>::seeded(&decoder(), Objective::NextToken, 0).unwrap();
    let refusal = |batch: Batch| {
        let error = network.pass(&batch, &mut NoVisitor);
        error.unwrap_err().to_string()
    };
    assert_eq!(
        refusal(Batch::zipf(13, 1, 6, 0)),
        "the batch has 6 positions, but the architecture only 5"
    );
    assert_eq!(
        refusal(Batch::zipf(13, 4, 1, 0)),
        "the batch is 4 x 1, but needs at least 1 sequence of 2 tokens"
    );
    let mut batch = Batch::zipf(13, 1, 4, 0);
    batch.tokens[2] = 13;
    assert_eq!(
        refusal(batch),
        "token 13 at position 2 of the batch is outside the vocabulary of 13"
    );
    let mut batch = Batch::zipf(13, 1, 4, 0);
    batch.batch = usize::MAX;
    assert!(refusal(batch).ends_with("got 4"));
}

/// The tensors of a decoder, as a checkpoint would hold them.
fn tensors() -> Tensors<f32> {
    let network = Network::seeded(&decoder(), Objective::NextToken, 0).unwrap();
    let parameters = network.parameters().iter();
    parameters
        .map(|p| (p.name.clone(), (p.shape.clone(), p.data.clone())))
        .collect()
}

fn load(tensors: Tensors<f32>) -> Result<Network<f32>, Error> {
    Network::from_tensors(&decoder(), Objective::NextToken, tensors)
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    let mut missing = tensors();
    missing.remove("block.1.out.weight").unwrap();
    assert_eq!(
        load(missing).unwrap_err().to_string(),
        "tensor `block.1.out.weight` of shape [8, 8] is missing"
    );
    let mut misshapen = tensors();
    misshapen.get_mut("block.0.ffn.0.weight").unwrap().0 = vec![8, 6];
    assert_eq!(
        load(misshapen).unwrap_err().to_string(),
        "tensor `block.0.ffn.0.weight` has shape [8, 6], expected [6, 8]"
    );
    let mut short = tensors();
    short.get_mut("block.0.ffn.0.weight").unwrap().1.pop();
    assert!(load(short).is_err());
}

fn write(path: &Path, tensors: &Tensors<f32>, dtype: safetensors::Dtype) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = (tensors.iter())
        .map(|(name, (shape, data))| {
            let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
            (name.clone(), shape.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, data)| {
        let view = safetensors::tensor::TensorView::new(dtype, shape.clone(), data);
        (name.as_str(), view.unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

#[test]
fn a_network_survives_the_way_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(&path, &tensors(), safetensors::Dtype::F32);
    let network = load(read_safetensors(&path).unwrap()).unwrap();
    let original = Network::seeded(&decoder(), Objective::NextToken, 0).unwrap();
    assert_eq!(network.parameters(), original.parameters());
}

#[test]
fn files_that_are_not_checkpoints_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let message = || read_safetensors::<f32>(&path).unwrap_err().to_string();
    assert!(message().starts_with(&path.display().to_string()));

    write(&path, &tensors(), safetensors::Dtype::I32);
    assert!(message().contains("has element type I32, expected F32, F64, F16 or BF16"));

    write(&path, &tensors(), safetensors::Dtype::F32);
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let found = message();
        assert!(found.contains("byte"), "{found}");
    }
}
