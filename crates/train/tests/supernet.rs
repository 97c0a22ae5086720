//! Elastic training against what it should be, computed another way.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lpzero_arch::{Architecture, Document, Space};
use lpzero_nn::{
    Network, Objective, Prefixes, Real, Site, TensorView, Visitor, Workspace, write_safetensors,
};
use lpzero_run::Cancel;
use lpzero_train::{
    Batches, CHECKPOINT, CURVE, Control, Elastic, Error, Inheritance, Point, Recipe, Synthetic,
    Training,
};

const SPACE: &str = include_str!("../../arch/src/spaces/tiny-elastic.json");

/// The built-in space with two blocks of width 16 and fewer choices.
fn space(heads: &str, hidden: &str) -> Space {
    let text = [
        (r#""blocks": [6]"#, r#""blocks": [2]"#),
        (r#""width": 48"#, r#""width": 16"#),
        (r#""head_width": 16"#, r#""head_width": 8"#),
        ("[1, 2, 3, 4]", heads),
        ("[32, 64, 96, 128, 192]", hidden),
    ]
    .iter()
    .fold(SPACE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let document = Document::parse_json("space.json", &text).unwrap();
    Space::of(&document.root()).unwrap()
}

fn elastic(seed: u64) -> Elastic {
    Elastic::new(space("[3, 1, 2]", "[8, 24, 16, 4]"), 2, seed).unwrap()
}

fn recipe() -> Recipe {
    Recipe {
        steps: 9,
        batch: 3,
        positions: 24,
        accumulate: 2,
        warm_up: 2,
        learning_rate: 0.01,
        clip: 0.5,
        validate_every: 3,
        validation_batches: 2,
        ..Recipe::default()
    }
}

/// Gradients of a pass by name.
#[derive(Default)]
struct Shown(HashMap<String, (Vec<usize>, Vec<f64>)>);

impl<F: Real> Visitor<F> for Shown {
    fn parameter(
        &mut self,
        name: &str,
        _: Option<Site>,
        _: TensorView<'_, F>,
        gradient: TensorView<'_, F>,
    ) {
        let data = gradient.data.iter().map(|x| x.to_f64());
        let shown = (gradient.shape.to_vec(), data.collect());
        assert!(
            self.0.insert(name.to_owned(), shown).is_none(),
            "{name} twice"
        );
    }
}

/// One tensor of the computation by hand: weights, both moments, all in f64.
struct ByHand {
    name: String,
    shape: Vec<usize>,
    weights: Vec<f64>,
    moments: [Vec<f64>; 2],
}

#[test]
fn updates_are_those_of_summed_gradients_of_networks_loaded_one_by_one() {
    let (elastic, recipe, batches) = (elastic(5), recipe(), Synthetic::new(5));
    let largest = elastic.largest().clone();
    let objective = Objective::default_for(&largest);
    let mut training = Training::new(&largest, &recipe, &batches, 5, Workspace::new())
        .unwrap()
        .with_sub_networks(&elastic);
    let mut by_hand: Vec<ByHand> = training
        .network()
        .parameters()
        .iter()
        .map(|parameter| ByHand {
            name: parameter.name.clone(),
            shape: parameter.shape.clone(),
            weights: parameter.data.iter().map(|&x| f64::from(x)).collect(),
            moments: [(); 2].map(|()| vec![0.0; parameter.data.len()]),
        })
        .collect();
    let initial: Vec<Vec<f64>> = by_hand
        .iter()
        .map(|tensor| tensor.weights.clone())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut sizes = Vec::new();
    for step in 0..3 {
        let single: Vec<Vec<f32>> = by_hand
            .iter()
            .map(|tensor| tensor.weights.iter().map(|&x| x as f32).collect())
            .collect();
        let tensors = by_hand.iter().zip(&single);
        let tensors = tensors.map(|(t, data)| (t.name.clone(), &t.shape[..], &data[..]));
        write_safetensors(&path, tensors, None).unwrap();
        let stored = Arc::new(lpzero_nn::Stored::open(&path).unwrap());
        let source = Prefixes::<f64>::of(stored, &largest, objective).unwrap();

        let mut networks = elastic.others(step).unwrap();
        networks.insert(0, largest.clone());
        sizes.extend(networks.iter().map(|network| network.parameters().total()));
        let mut sums: Vec<Vec<f64>> = by_hand
            .iter()
            .map(|tensor| vec![0.0; tensor.weights.len()])
            .collect();
        let mut loss = 0.0;
        for pass in 0..2 {
            let batch = batches.training(step * 2 + pass, (recipe.batch, recipe.positions));
            for part in &networks {
                let network =
                    Network::loaded(part, objective, &source, &mut Workspace::new()).unwrap();
                let mut shown = Shown::default();
                loss += network.pass(&batch, &mut shown).unwrap();
                for (tensor, sum) in by_hand.iter().zip(&mut sums) {
                    let (shape, gradient) = &shown.0[&tensor.name];
                    add_leading(sum, &tensor.shape, shape, gradient);
                }
            }
        }
        let passes = 2.0 * networks.len() as f64;
        let mean = |sum: &f64| sum / passes;
        let squares: f64 = sums.iter().flatten().map(|sum| mean(sum).powi(2)).sum();
        let factor = (recipe.clip / (squares.sqrt() + 1e-6)).min(1.0);
        let (rate, t) = (recipe.rate(step), step as i32 + 1);
        for (tensor, sum) in by_hand.iter_mut().zip(&sums) {
            let [b1, b2] = recipe.betas;
            let decay = match tensor.shape.len() {
                1 => 0.0,
                _ => recipe.weight_decay,
            };
            let [m, v] = &mut tensor.moments;
            for i in 0..sum.len() {
                let g = mean(&sum[i]) * factor;
                m[i] = b1 * m[i] + (1.0 - b1) * g;
                v[i] = b2 * v[i] + (1.0 - b2) * g * g;
                let (m, v) = (m[i] / (1.0 - b1.powi(t)), v[i] / (1.0 - b2.powi(t)));
                let weight = &mut tensor.weights[i];
                *weight -= rate * decay * *weight;
                *weight -= rate * m / (v.sqrt() + recipe.epsilon);
            }
        }
        let point = training.update().unwrap();
        assert!((point.loss - loss / passes).abs() < 1e-5);
        assert!((point.norm / squares.sqrt() - 1.0).abs() < 1e-4);
    }
    // Networks of different sizes took part, and the gradient was clipped.
    sizes.sort_unstable();
    sizes.dedup();
    assert!(sizes.len() > 4, "{sizes:?}");
    let (mut error, mut change) = (0f64, 0f64);
    let tensors = by_hand.iter().zip(training.network().parameters());
    for ((tensor, parameter), initial) in tensors.zip(&initial) {
        for ((&found, &expected), &initial) in
            parameter.data.iter().zip(&tensor.weights).zip(initial)
        {
            error += (f64::from(found) - expected).powi(2);
            change += (expected - initial).powi(2);
        }
    }
    // What three updates changed is right to a thousandth; single weights whose
    // gradient vanishes move by its rounding alone.
    assert!(error.sqrt() < 1e-3 * change.sqrt(), "{error} of {change}");
}

/// By the arithmetic of rows and columns: matrices and vectors are all there are here.
fn add_leading(sum: &mut [f64], whole: &[usize], part: &[usize], x: &[f64]) {
    match (whole, part) {
        ([_], [n]) => (0..*n).for_each(|i| sum[i] += x[i]),
        ([_, columns], [n, m]) => {
            for i in 0..*n {
                for j in 0..*m {
                    sum[i * columns + j] += x[i * m + j];
                }
            }
        }
        _ => panic!("{whole:?} {part:?}"),
    }
}

fn control<'a>(
    cancel: &'a Cancel,
    progress: &'a mut dyn FnMut(&Point),
    folder: &'a Path,
) -> Control<'a> {
    Control {
        cancel,
        progress,
        checkpoints: Some((folder, Duration::from_secs(3600))),
    }
}

fn files(folder: &Path) -> [Vec<u8>; 2] {
    [CHECKPOINT, CURVE].map(|name| fs::read(folder.join(name)).unwrap())
}

#[test]
fn a_space_of_one_network_is_trained_as_that_network_is() {
    let elastic = Elastic::new(space("[2]", "[12]"), 3, 1).unwrap();
    let (recipe, batches) = (recipe(), Synthetic::new(1));
    let folders = [true, false].map(|is_elastic| {
        let folder = tempfile::tempdir().unwrap();
        let mut training =
            Training::new(elastic.largest(), &recipe, &batches, 1, Workspace::new()).unwrap();
        if is_elastic {
            training = training.with_sub_networks(&elastic);
        }
        let cancel = Cancel::new();
        training
            .run(control(&cancel, &mut |_| (), folder.path()))
            .unwrap();
        files(folder.path())
    });
    assert!(folders[0] == folders[1], "other bits");
}

#[test]
fn an_interrupted_training_of_a_super_network_ends_with_the_same_bits() {
    let (elastic, recipe, batches) = (elastic(2), recipe(), Synthetic::new(2));
    let begin = |folder: &Path| {
        let mut training = Training::new(elastic.largest(), &recipe, &batches, 2, Workspace::new())
            .unwrap()
            .with_sub_networks(&elastic);
        training.resume(folder).unwrap();
        training
    };
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let never = Cancel::new();
    begin(whole.path())
        .run(control(&never, &mut |_| (), whole.path()))
        .unwrap();
    for stop in [2, 5] {
        let cancel = Cancel::new();
        let mut progress = |point: &Point| {
            if point.step == stop {
                cancel.cancel();
            }
        };
        let stopped = begin(parts.path()).run(control(&cancel, &mut progress, parts.path()));
        assert!(matches!(stopped, Err(Error::Cancelled)));
    }
    begin(parts.path())
        .run(control(&never, &mut |_| (), parts.path()))
        .unwrap();
    assert!(files(whole.path()) == files(parts.path()), "other bits");
}

#[test]
fn an_inherited_loss_is_that_of_a_network_of_the_leading_weights() {
    let (elastic, recipe, batches) = (elastic(3), recipe(), Synthetic::new(3));
    let largest = elastic.largest();
    let mut training = Training::new(largest, &recipe, &batches, 3, Workspace::new()).unwrap();
    training.update().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensors = training.network().parameters().iter();
    let tensors = tensors.map(|p| (p.name.clone(), &p.shape[..], &p.data[..]));
    write_safetensors(&path, tensors, None).unwrap();
    let inheritance = Inheritance::open(&path, largest).unwrap();
    let mut workspace = Workspace::new();
    let mut loss = |part: &Architecture| {
        let loss = inheritance.loss(part, (&recipe, 3), &batches, &mut workspace);
        loss.unwrap().metric
    };
    // The largest inherits everything.
    let expected = training.validate().unwrap();
    assert!((loss(largest) - expected).abs() < 1e-6);
    // A part, from tensors cut by index.
    let part = &elastic.sub_networks(1, 0).unwrap()[0].1;
    let objective = Objective::default_for(part);
    let named: HashMap<&str, _> = (training.network().parameters().iter())
        .map(|p| (&p.name[..], (&p.shape, &p.data)))
        .collect();
    let declared = Network::<f32>::seeded(part, objective, 0).unwrap();
    let cut = declared.parameters().iter().map(|parameter| {
        let (whole, data) = named[&parameter.name[..]];
        let cut = match (&whole[..], &parameter.shape[..]) {
            ([_], [n]) => data[..*n].to_vec(),
            ([_, columns], [n, m]) => (0..n * m)
                .map(|at| data[at / m * columns + at % m])
                .collect(),
            shapes => panic!("{shapes:?}"),
        };
        (parameter.name.clone(), (parameter.shape.clone(), cut))
    });
    let network = Network::from_tensors(part, objective, cut.collect()).unwrap();
    let losses = (0..recipe.validation_batches).map(|number| {
        let batch = batches.validation(number, (recipe.batch, recipe.positions));
        network
            .evaluate_with(&batch, &mut Workspace::new())
            .unwrap()
    });
    let expected = losses.sum::<f64>() / recipe.validation_batches as f64;
    assert!(part.parameters().total() < largest.parameters().total());
    assert!((loss(part) - expected).abs() < 1e-6);
}

#[test]
fn draws_are_distinct_and_a_function_of_seed_and_update() {
    let elastic = elastic(0);
    let drawn = elastic.sub_networks(50, 4).unwrap();
    assert_eq!(drawn, elastic.sub_networks(50, 4).unwrap());
    assert_ne!(drawn, elastic.sub_networks(50, 5).unwrap());
    let mut ids: Vec<_> = drawn.iter().map(|(id, _)| id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    let (id, network) = &drawn[0];
    let of = |values: Vec<String>| values.join(".");
    let heads = network.blocks.iter().map(|b| b.mixer.heads().to_string());
    let hidden = network.blocks.iter();
    let hidden = hidden.map(|b| b.feed_forward.hidden[0].to_string());
    let expected = format!(
        "heads:{},hidden:{}",
        of(heads.collect()),
        of(hidden.collect())
    );
    assert_eq!(*id, expected);
    assert_eq!(elastic.others(7).unwrap(), elastic.others(7).unwrap());
    assert_ne!(elastic.others(7).unwrap(), elastic.others(8).unwrap());
    // 3 x 4 choices in each of two blocks.
    assert_eq!(elastic.sub_networks(144, 0).unwrap().len(), 144);
    assert!(elastic.sub_networks(145, 0).is_err());
}
