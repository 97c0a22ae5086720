//! What a pass shows, and that nothing but its arguments decides it.
use crate::common::{Seen, decoder, encoder, perturbed, qwen, transformer_xl, zoo};
use lpzero_arch::{Architecture, AttentionBiases, Head, Mixer, NormPlacement};
use lpzero_nn::{
    Batch, Network, NoVisitor, Objective, Role, Site, Symbol, TensorRows, Visitor, Workspace,
};

fn site(layer: impl Into<Option<u16>>, role: Role, index: u16) -> Site {
    Site {
        layer: layer.into(),
        role,
        index,
    }
}

fn seen(architecture: &Architecture, objective: Objective) -> (f64, Seen<f32>) {
    let network = Network::seeded(architecture, objective, 0).unwrap();
    let batch = Batch::zipf(architecture.vocabulary, 3, 4, 0);
    let mut seen = Seen::default();
    let loss = network.pass(&batch, &mut seen).unwrap();
    (loss, seen)
}

#[test]
fn an_untrained_network_guesses() {
    for (architecture, objective) in zoo() {
        let (loss, _) = seen(&architecture, objective);
        // A further cluster costs two choices: among 3 + 2 entries, then
        // among at most 6 tokens.
        let classes = match objective {
            Objective::MaskedToken => 11.0..=11.0,
            _ => 5.0..=30.0f64,
        };
        assert!(loss > classes.start().ln() - 0.2 && loss < classes.end().ln() + 0.2);
    }
}

#[test]
fn a_network_has_as_many_weights_as_its_architecture_counts() {
    for (architecture, objective) in zoo() {
        let network = Network::<f32>::seeded(&architecture, objective, 0).unwrap();
        let own = (network.parameters().iter()).filter(|p| !p.name.starts_with("objective."));
        let weights: usize = own.map(|p| p.data.len()).sum();
        assert_eq!(weights as u128, architecture.parameters().total());
    }
}

#[test]
fn the_output_sum_of_a_post_norm_encoder_has_no_gradient() {
    let network = Network::<f64>::seeded(&encoder(), Objective::OutputSum, 0).unwrap();
    let batch = Batch::zipf(11, 3, 4, 0);
    let mut seen = Seen::default();
    network.pass(&batch, &mut seen).unwrap();
    let weights = seen.gradients.iter();
    for (name, (_, gradient)) in weights.filter(|(name, _)| !name.starts_with("block.0.norm.1")) {
        assert!(gradient.iter().all(|g| g.abs() < 1e-12), "{name}");
    }
}

#[test]
fn passes_are_repeatable_whatever_the_workspace_held_before() {
    let mut workspace = Workspace::new();
    for round in 0..2 {
        for (architecture, objective) in zoo() {
            let network = Network::<f32>::seeded(&architecture, objective, 7).unwrap();
            let batch = Batch::zipf(architecture.vocabulary, 2 + round, 4, 1);
            let (mut fresh, mut reused) = (Seen::default(), Seen::default());
            let loss = network.pass(&batch, &mut fresh).unwrap();
            let again = network.pass_with(&batch, &mut reused, &mut workspace);
            assert_eq!(loss, again.unwrap());
            assert_eq!(fresh, reused);
        }
    }
}

#[test]
fn a_pass_is_the_same_on_any_thread() {
    let network = Network::<f32>::seeded(&decoder(), Objective::NextToken, 7).unwrap();
    let batch = Batch::zipf(13, 2, 5, 1);
    let run = || {
        let mut seen = Seen::default();
        let loss = network.pass(&batch, &mut seen).unwrap();
        (loss, seen)
    };
    let here = run();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        for other in others {
            assert_eq!(other.join().unwrap(), here);
        }
    });
}

#[test]
fn single_precision_follows_double_precision() {
    for (architecture, objective) in zoo() {
        let double = perturbed(&architecture, objective);
        let tensors = (double.parameters().iter())
            .map(|p| {
                let data = p.data.iter().map(|&x| x as f32).collect();
                (p.name.clone(), (p.shape.clone(), data))
            })
            .collect();
        let single = Network::<f32>::from_tensors(&architecture, objective, tensors).unwrap();
        // Seeds decide the masks.
        let double_tensors = (double.parameters().iter())
            .map(|p| (p.name.clone(), (p.shape.clone(), p.data.clone())))
            .collect();
        let double = Network::from_tensors(&architecture, objective, double_tensors).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 2, 4, 1);
        let (mut exact, mut rounded) = (Seen::<f64>::default(), Seen::<f32>::default());
        double.pass(&batch, &mut exact).unwrap();
        single.pass(&batch, &mut rounded).unwrap();
        for (name, (_, exact)) in &exact.gradients {
            let largest = exact.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
            for (&x, &y) in exact.iter().zip(&rounded.gradients[name].1) {
                assert!((x - f64::from(y)).abs() < 2e-4 * largest, "{name}: {x} {y}");
            }
        }
    }
}

#[test]
fn a_tensor_depends_on_seed_and_name_but_not_on_the_rest_of_the_network() {
    let network = |architecture: &Architecture, seed| {
        Network::<f32>::seeded(architecture, Objective::RandomProjection, seed).unwrap()
    };
    let tensor = |network: &Network<f32>, name: &str| {
        let mut parameters = network.parameters().iter();
        parameters.find(|p| p.name == name).unwrap().data.clone()
    };
    let small = encoder();
    let mut large = encoder();
    large.blocks = vec![small.blocks[0].clone(); 3];
    let name = "block.0.query.weight";
    let expected = tensor(&network(&small, 0), name);
    assert_eq!(expected, tensor(&network(&large, 0), name));
    assert_ne!(expected, tensor(&network(&small, 1), name));
    assert_ne!(expected, tensor(&network(&small, 0), "block.0.key.weight"));
}

#[test]
fn an_encoder_shows_every_site() {
    let (_, seen) = seen(&encoder(), Objective::MaskedToken);
    let shape = |site, symbol| seen.activations[&(site, symbol)].0.clone();
    for symbol in [Symbol::A, Symbol::D] {
        assert_eq!(shape(site(None, Role::Embedding, 0), symbol), [3, 4, 4]);
        assert_eq!(shape(site(None, Role::Projection, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(None, Role::Input, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(0, Role::Query, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(0, Role::Attention, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(0, Role::FfnIn, 0), symbol), [3, 4, 5]);
        assert_eq!(shape(site(0, Role::FfnOut, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(0, Role::Norm, 1), symbol), [3, 4, 8]);
        // 15 % of 12 positions, rounded.
        assert_eq!(shape(site(None, Role::Head, 0), symbol), [1, 2, 4]);
        assert_eq!(shape(site(None, Role::Head, 1), symbol), [1, 2, 11]);
    }
    assert_eq!(shape(site(0, Role::Attention, 0), Symbol::S), [3, 2, 4, 4]);
    assert_eq!(shape(site(0, Role::FfnOut, 0), Symbol::X), [3, 4, 5]);
    assert_eq!(shape(site(None, Role::Input, 0), Symbol::J), [3, 4, 8]);
    assert_eq!(seen.sites[&site(None, Role::Segment, 0)], "segment.table");
    assert_eq!(
        seen.sites[&site(None, Role::Norm, 0)],
        "embedding.norm.gain"
    );
    assert_eq!(seen.gradients["embedding.0.table"].0, [11, 4]);
    assert_eq!(seen.gradients["block.0.ffn.0.weight"].0, [5, 8]);
    assert!(
        !seen
            .activations
            .keys()
            .any(|(_, symbol)| *symbol == Symbol::H)
    );
}

#[test]
fn relative_attention_shows_the_keys_of_its_distances() {
    let (_, seen) = seen(&transformer_xl(NormPlacement::Post), Objective::NextToken);
    let key = |symbol| (site(1, Role::RelativeKey, 0), symbol);
    for symbol in [Symbol::X, Symbol::A, Symbol::D] {
        assert_eq!(seen.activations[&key(symbol)].0, [1, 4, 8]);
    }
    // Sines, then cosines; distance 0 stands last.
    let (_, encoded) = &seen.activations[&key(Symbol::X)];
    assert_eq!(encoded[24..], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    let probabilities = (site(1, Role::Attention, 0), Symbol::S);
    assert_eq!(seen.activations[&probabilities].0, [3, 4, 4, 4]);
    assert_eq!(seen.sites[&key(Symbol::W).0], "block.1.relative_key.weight");
    let sites = seen.sites.values();
    assert!(!sites.clone().any(|name| name.ends_with("bias")));
    assert!(!sites.clone().any(|name| name == "position.table"));
    assert_eq!(seen.gradients["block.1.query.position.bias"].0, [8]);
}

#[test]
fn a_llama_shows_its_gate_its_norms_and_its_head() {
    let (_, seen) = seen(&qwen(AttentionBiases::All, 2), Objective::NextToken);
    let shape = |site, symbol| seen.activations[&(site, symbol)].0.clone();
    for symbol in [Symbol::A, Symbol::D] {
        // 4 heads of queries and 2 of keys, 4 wide.
        assert_eq!(shape(site(1, Role::Query, 0), symbol), [3, 4, 16]);
        assert_eq!(shape(site(1, Role::Key, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(1, Role::Value, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(1, Role::Attention, 0), symbol), [3, 4, 16]);
        assert_eq!(shape(site(1, Role::Out, 0), symbol), [3, 4, 8]);
        assert_eq!(shape(site(1, Role::Norm, 2), symbol), [3, 4, 16]);
        assert_eq!(shape(site(1, Role::Norm, 3), symbol), [3, 4, 8]);
        assert_eq!(shape(site(1, Role::FfnIn, 0), symbol), [3, 4, 6]);
        assert_eq!(shape(site(1, Role::FfnGate, 0), symbol), [3, 4, 6]);
        assert_eq!(shape(site(None, Role::Head, 0), symbol), [3, 3, 13]);
    }
    assert_eq!(shape(site(1, Role::Attention, 0), Symbol::S), [3, 4, 4, 4]);
    let (_, gate) = &seen.activations[&(site(0, Role::FfnGate, 0), Symbol::A)];
    let (_, up) = &seen.activations[&(site(0, Role::FfnIn, 0), Symbol::A)];
    let (_, down) = &seen.activations[&(site(0, Role::FfnOut, 0), Symbol::X)];
    for ((gate, up), down) in gate.iter().zip(up).zip(down) {
        let expected = gate / (1.0 + (-gate).exp()) * up;
        assert!((down - expected).abs() <= 1e-6 * expected.abs());
    }
    assert_eq!(seen.sites[&site(None, Role::Head, 0)], "head.weight");
    let gate = &seen.sites[&site(0, Role::FfnGate, 0)];
    assert_eq!(gate, "block.0.ffn.gate.weight");
    let norm = &seen.sites[&site(0, Role::Norm, 3)];
    assert_eq!(norm, "block.0.key.norm.gain");
    assert_eq!(seen.gradients[norm].0, [4]);
    assert!(!seen.gradients.contains_key("block.0.norm.0.bias"));
    assert!(!seen.gradients.contains_key("position.table"));
}

/// Where every head of queries reads the same keys as the heads of its group do,
/// nothing is left of grouping but the number of weights.
#[test]
fn a_group_is_equal_heads_of_keys() {
    let grouped = perturbed(&qwen(AttentionBiases::All, 2), Objective::NextToken);
    let tensors = grouped.parameters().iter().map(|parameter| {
        let (mut shape, mut data) = (parameter.shape.clone(), parameter.data.clone());
        let map = ["key.weight", "key.bias", "value.weight", "value.bias"];
        if map.iter().any(|map| parameter.name.ends_with(map)) {
            // Heads of 4 rows, each of them twice.
            let head = data.len() / 2;
            data = data
                .chunks(head)
                .flat_map(|rows| [rows, rows].concat())
                .collect();
            shape[0] *= 2;
        }
        (parameter.name.clone(), (shape, data))
    });
    let ungrouped = qwen(AttentionBiases::All, 4);
    let ungrouped =
        Network::from_tensors(&ungrouped, Objective::NextToken, tensors.collect()).unwrap();
    let batch = Batch::zipf(13, 2, 5, 1);
    let (mut one, mut other) = (Seen::default(), Seen::default());
    let expected = grouped.pass(&batch, &mut one).unwrap();
    let found = ungrouped.pass(&batch, &mut other).unwrap();
    assert!((found - expected).abs() < 1e-13 * expected);
    let name = "block.0.key.weight";
    let (one, other) = (&one.gradients[name].1, &other.gradients[name].1);
    let head = one.len() / 2;
    for (group, copies) in one.chunks(head).zip(other.chunks(2 * head)) {
        for (i, sum) in group.iter().enumerate() {
            assert!((copies[i] + copies[head + i] - sum).abs() < 1e-12);
        }
    }
}

/// A pass is a first segment: whatever the length of the memory, it is empty.
#[test]
fn the_memory_of_a_first_segment_is_empty() {
    let memories = [0, 100].map(|memory| {
        let mut architecture = transformer_xl(NormPlacement::Post);
        for block in &mut architecture.blocks {
            block.mixer = Mixer::RelativeAttention { heads: 2, memory };
        }
        seen(&architecture, Objective::NextToken)
    });
    assert_eq!(memories[0], memories[1]);
}

#[test]
fn a_dynamic_convolution_halves_its_heads() {
    let mut architecture = encoder();
    architecture.blocks[0].mixer = Mixer::DynamicConvolution {
        heads: 4,
        kernel: 5,
    };
    let (_, seen) = seen(&architecture, Objective::MaskedToken);
    let shapes = |symbol| (0..4).map(move |i| (site(0, Role::Convolution, i), symbol));
    let widths = |symbol| -> Vec<usize> {
        shapes(symbol)
            .map(|key| seen.activations[&key].0[2])
            .collect()
    };
    assert_eq!(widths(Symbol::X), [8, 8, 4, 8]);
    assert_eq!(widths(Symbol::A), [8, 4, 10, 4]);
    assert_eq!(widths(Symbol::D), [8, 4, 10, 4]);
    let name = &seen.sites[&site(0, Role::Convolution, 0)];
    assert_eq!(seen.gradients[name].0, [8, 1, 5]);
    let probabilities = (site(0, Role::Attention, 0), Symbol::S);
    assert_eq!(seen.activations[&probabilities].0, [3, 2, 4, 4]);
}

#[test]
fn a_decoder_shows_each_cluster_of_its_head() {
    let mut architecture = decoder();
    architecture.embedding.division = 2;
    let network = Network::<f32>::seeded(&architecture, Objective::NextToken, 0).unwrap();
    let tokens = vec![0, 1, 4, 5, 6, 8, 9, 2];
    let batch = Batch::from_tokens(tokens, 2, 4, 13).unwrap();
    let mut seen = Seen::default();
    network.pass(&batch, &mut seen).unwrap();
    let shape = |role, index, symbol| {
        let key = (site(None, role, index), symbol);
        seen.activations[&key].0.clone()
    };
    // Targets: 1, 4, 5 and 8, 9, 2.
    assert_eq!(shape(Role::Head, 0, Symbol::A), [2, 3, 3 + 2]);
    assert_eq!(shape(Role::Head, 1, Symbol::A), [1, 2, 4]);
    assert_eq!(shape(Role::Head, 2, Symbol::D), [1, 2, 6]);
    assert_eq!(shape(Role::Head, 2, Symbol::X), [1, 2, 1]);
    assert_eq!(shape(Role::HeadProjection, 0, Symbol::A), [2, 3, 4]);
    // Inputs: 0, 1, 2 in cluster 0, then 4, 5, 6, then 8, 9.
    assert_eq!(shape(Role::Embedding, 1, Symbol::A), [1, 3, 2]);
    assert_eq!(shape(Role::Projection, 2, Symbol::D), [1, 2, 8]);
    let entries = &seen.sites[&site(None, Role::Head, 0)];
    assert_eq!(entries, "head.cluster.weight");
}

#[test]
fn a_causal_network_does_not_see_later_tokens() {
    for (architecture, last) in [
        (decoder(), site(None, Role::Norm, 1)),
        (transformer_xl(NormPlacement::Post), site(1, Role::Norm, 1)),
    ] {
        let network = perturbed(&architecture, Objective::RandomProjection);
        let states = |tokens: [u32; 4]| {
            let batch = Batch::from_tokens(tokens.into(), 1, 4, 13).unwrap();
            let mut seen = Seen::default();
            network.pass(&batch, &mut seen).unwrap();
            seen.activations[&(last, Symbol::A)].1.clone()
        };
        let (a, b) = (states([1, 2, 3, 4]), states([1, 2, 9, 9]));
        assert_eq!(a[..16], b[..16]);
        assert_ne!(a[16..], b[16..]);
    }
}

#[test]
fn the_default_objective_is_what_the_architecture_was_made_for() {
    let mut headless = decoder();
    headless.head = Head::None;
    for (architecture, expected) in [
        (encoder(), Objective::MaskedToken),
        (decoder(), Objective::NextToken),
        (headless, Objective::RandomProjection),
    ] {
        let objective = Objective::default_for(&architecture);
        assert_eq!(objective, expected);
        let network = Network::<f32>::seeded(&architecture, objective, 0).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 1, 3, 0);
        assert!(network.pass(&batch, &mut NoVisitor).unwrap().is_finite());
    }
}

/// Takes logits in blocks of rows.
#[derive(Default)]
struct Blocks {
    /// Of the logits: shape, elements and number of blocks.
    logits: (Vec<usize>, Vec<f32>, usize),
}

impl Visitor<f32> for Blocks {
    fn takes_rows(&self) -> bool {
        true
    }

    fn activation_rows(&mut self, _: Site, symbol: Symbol, rows: TensorRows<'_, f32>) {
        if symbol == Symbol::A {
            let (shape, elements, blocks) = &mut self.logits;
            *shape = rows.shape.to_vec();
            assert_eq!(elements.len(), rows.first);
            elements.extend_from_slice(rows.data);
            *blocks += 1;
        }
    }
}

#[test]
fn logits_come_in_blocks_to_those_who_take_them() {
    let mut architecture = decoder();
    architecture.vocabulary = 20_000;
    architecture.positions = 151;
    architecture.embedding.cutoffs = vec![20_000];
    architecture.embedding.width = 8;
    architecture.head = Head::Tied;
    let network = Network::<f32>::seeded(&architecture, Objective::NextToken, 0).unwrap();
    let batch = Batch::zipf(20_000, 2, 151, 0);
    let (mut whole, mut blocks) = (Seen::default(), Blocks::default());
    let loss = network.pass(&batch, &mut whole).unwrap();
    let again = network.pass(&batch, &mut blocks).unwrap();
    assert!((loss - again).abs() < 1e-6 * loss);
    let (shape, elements, count) = blocks.logits;
    let (whole_shape, logits) = &whole.activations[&(site(None, Role::Head, 0), Symbol::A)];
    assert_eq!((&shape, count), (whole_shape, 2));
    for (a, b) in elements.iter().zip(logits) {
        assert!((a - b).abs() < 1e-5, "{a} in blocks, {b} whole");
    }
}
