//! Weights that are read block by block: the same numbers, another memory.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{LARGE_POSITIONS, Seen, large_zoo, zoo};
use lpzero_nn::{
    Batch, Error, Fill, Network, NoVisitor, Objective, Prefixes, Request, Seeded, Source, Workspace,
};
use rayon::ThreadPoolBuilder;

#[test]
fn a_streamed_pass_shows_what_a_resident_one_does_to_the_bit() {
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(2).build().unwrap());
    let mut workspace = Workspace::<f32>::on(pool);
    for (architecture, objective) in large_zoo() {
        let resident = Network::seeded(&architecture, objective, 1).unwrap();
        let source = Arc::new(Seeded(1));
        let mut streamed = Network::streamed(&architecture, objective, source).unwrap();
        streamed.reseed(1);
        assert!(streamed.is_streamed() && !resident.is_streamed());
        assert!(streamed.parameters().iter().all(|p| p.data.is_empty()));
        let batch = Batch::zipf(architecture.vocabulary, 2, LARGE_POSITIONS, 1);
        let (mut seen, mut again) = (Seen::default(), Seen::default());
        let loss = resident.pass(&batch, &mut seen).unwrap();
        let streamed_loss = streamed
            .pass_with(&batch, &mut again, &mut workspace)
            .unwrap();
        assert_eq!(loss, streamed_loss);
        assert!(seen == again, "{:?}", architecture.blocks[0].mixer);
        let evaluated = streamed.evaluate_with(&batch, &mut workspace).unwrap();
        assert_eq!(loss, evaluated);

        let jacobians = |network: &Network<f32>| {
            let mut all = Vec::new();
            let mut keep = |site, tensor: lpzero_nn::TensorView<'_, f32>| {
                all.push((site, tensor.data.to_vec()));
            };
            let mut workspace = Workspace::new();
            network
                .sign_jacobians(&batch, &mut keep, &mut workspace)
                .unwrap();
            all
        };
        assert!(jacobians(&resident) == jacobians(&streamed));
    }
}

/// A source that counts what it has given, and fails where it is told to.
#[derive(Debug)]
struct Watched {
    given: AtomicUsize,
    largest: AtomicUsize,
    fails: &'static str,
}

impl Watched {
    fn new(fails: &'static str) -> Self {
        let (given, largest) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Watched {
            given,
            largest,
            fails,
        }
    }
}

impl Source<f64> for Watched {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        match request.name == self.fails {
            true => Err(Error::MissingTensor {
                name: request.name.into(),
                expected: request.shape.to_vec(),
            }),
            false => Ok(()),
        }
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [f64]) -> Result<(), Error> {
        self.given.fetch_add(out.len(), Ordering::Relaxed);
        self.largest.fetch_max(out.len(), Ordering::Relaxed);
        Seeded(0).fill(request, threads, out)
    }
}

#[test]
fn weights_are_asked_for_when_they_are_visited_and_not_before() {
    for (architecture, objective) in zoo() {
        let source = Arc::new(Watched::new(""));
        let watched: Arc<dyn Source<f64>> = source.clone();
        let network = Network::streamed(&architecture, objective, watched).unwrap();
        assert_eq!(source.given.load(Ordering::Relaxed), 0);
        let batch = Batch::zipf(architecture.vocabulary, 1, 4, 0);
        network.pass(&batch, &mut NoVisitor).unwrap();
        let weights = network
            .parameters()
            .iter()
            .map(|p| p.shape.iter().product::<usize>());
        let (total, given) = (weights.sum::<usize>(), source.given.load(Ordering::Relaxed));
        // Twice each but the end, and a tied embedding once more.
        assert!(given > total && given <= 3 * total, "{given} of {total}");
    }
}

#[test]
fn what_a_source_lacks_is_refused_before_anything_is_read() {
    let (architecture, objective) = zoo().remove(0);
    let source = Arc::new(Watched::new("block.0.ffn.1.weight"));
    let error = Network::streamed(&architecture, objective, source.clone()).unwrap_err();
    assert!(matches!(error, Error::MissingTensor { name, .. } if name == "block.0.ffn.1.weight"));
    let error = Network::loaded(&architecture, objective, &*source, &mut Workspace::new());
    assert!(matches!(error, Err(Error::MissingTensor { .. })));
    assert_eq!(source.given.load(Ordering::Relaxed), 0);
}

#[test]
fn second_order_passes_refuse_streamed_networks() {
    let (architecture, objective) = zoo().remove(0);
    let network: Network<f64> =
        Network::streamed(&architecture, objective, Arc::new(Seeded(0))).unwrap();
    let batch = Batch::zipf(architecture.vocabulary, 1, 4, 0);
    let product = network.hessian_vector(&batch, |_, _| (), |_| (), &mut Workspace::new());
    assert!(matches!(product, Err(Error::Streamed)));
    let flow = network.synflow_pass(1, 4, &mut NoVisitor, &mut Workspace::new());
    assert!(matches!(flow, Err(Error::Streamed)));
}

#[test]
fn a_sub_network_has_the_leading_channels_of_the_whole() {
    let whole = crate::common::decoder();
    let mut part = whole.clone();
    part.blocks[1].feed_forward.hidden = vec![4];
    let objective = Objective::NextToken;
    let source = Prefixes::of(Arc::new(Seeded(3)), &whole, objective).unwrap();
    let network = Network::<f64>::loaded(&part, objective, &source, &mut Workspace::new()).unwrap();
    let all = Network::<f64>::seeded(&whole, objective, 3).unwrap();
    for parameter in network.parameters() {
        let whole = all
            .parameters()
            .iter()
            .find(|p| p.name == parameter.name)
            .unwrap();
        match parameter.shape == whole.shape {
            true => assert_eq!(parameter.data, whole.data),
            false => {
                let (rows, columns) = (parameter.shape[0], *parameter.shape.last().unwrap());
                let width = *whole.shape.last().unwrap();
                for row in 0..if parameter.shape.len() == 1 { 1 } else { rows } {
                    let (a, b) = (&parameter.data[row * columns..], &whole.data[row * width..]);
                    assert_eq!(a[..columns], b[..columns], "{}", parameter.name);
                }
            }
        }
    }
    let mut wider = whole.clone();
    wider.blocks[0].feed_forward.hidden = vec![7];
    let error = Network::<f64>::loaded(&wider, objective, &source, &mut Workspace::new());
    assert!(matches!(error, Err(Error::TensorShape { .. })));
}
