//! Traces of real small networks: one per architecture, in order, always the same.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use lpzero_arch::{Architecture, Mixer, Transform};
use lpzero_nn::Objective;
use lpzero_run::Cancel;
use lpzero_trace::{
    DEFAULT_MEMORY, Error, NetworkScalar, Progress, Resources, Symbol, Tokens, Trace, TraceCache,
    TraceSpec, build_traces, memory_estimate,
};
use rayon::{ThreadPool, ThreadPoolBuilder};

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap(),
    )
}

fn spec() -> TraceSpec {
    TraceSpec {
        batch: 2,
        positions: 16,
        ..TraceSpec::new("test", 3)
    }
}

/// Encoders with every mixer and decoders, small before large and back, one twice.
fn architectures() -> Vec<Architecture> {
    let with_mixer = |mixer| {
        let mut architecture = common::encoder(2, 16);
        architecture.blocks[1].mixer = mixer;
        architecture
    };
    vec![
        common::encoder(1, 8),
        common::encoder(3, 16),
        with_mixer(Mixer::Attention {
            heads: 4,
            weighted: true,
        }),
        with_mixer(Mixer::Transform {
            heads: 2,
            transform: Transform::Fourier,
        }),
        with_mixer(Mixer::Transform {
            heads: 2,
            transform: Transform::Cosine,
        }),
        with_mixer(Mixer::DynamicConvolution {
            heads: 4,
            kernel: 5,
        }),
        common::encoder(1, 8),
        common::decoder(2, 8),
        common::decoder(3, 12),
    ]
}

/// Builds with every event recorded and a flag that is raised after `stop` passes.
fn build(
    threads: usize,
    cache: Option<&TraceCache>,
    stop: usize,
) -> (Result<Vec<Trace>, Error>, Vec<Progress>) {
    let cancel = Cancel::new();
    let passes = AtomicUsize::new(0);
    let events = Mutex::new(Vec::new());
    let progress = |progress: Progress| {
        events.lock().unwrap().push(progress);
        if passes.fetch_add(1, Ordering::SeqCst) == stop {
            cancel.cancel();
        }
    };
    let resources = Resources {
        pool: &pool(threads),
        cache,
        memory: DEFAULT_MEMORY,
        weights: &[],
        progress: &progress,
        bands: false,
        beside: &|_| 0,
        cancel: &cancel,
    };
    let result = build_traces(&architectures(), &spec(), resources);
    (result, events.into_inner().unwrap())
}

const NEVER: usize = usize::MAX;

#[test]
fn traces_are_the_same_to_the_bit_on_any_number_of_threads() {
    let one = build(1, None, NEVER).0.unwrap();
    assert_eq!(one.len(), architectures().len());
    assert_eq!(one, build(2, None, NEVER).0.unwrap());
    assert_eq!(one, build(5, None, NEVER).0.unwrap());
}

#[test]
fn traces_stand_in_the_order_of_their_architectures() {
    let traces = build(2, None, NEVER).0.unwrap();
    for (trace, architecture) in traces.iter().zip(architectures()) {
        let params = architecture.parameters().total() as f64;
        assert_eq!(trace.scalar(NetworkScalar::Params), params);
        let loss = trace.scalar(NetworkScalar::Loss);
        assert!((loss - 100_f64.ln()).abs() < 0.5, "loss {loss}");
        assert!(!trace.sites.is_empty());
    }
    assert_eq!(traces[0], traces[6]);
}

#[test]
fn symbols_that_belong_together_have_one_shape() {
    for trace in build(2, None, NEVER).0.unwrap() {
        for site in &trace.sites {
            let shape = |symbol| {
                let found = site.tensors.iter().find(|tensor| tensor.symbol == symbol);
                found.map(|tensor| &tensor.shape)
            };
            assert_eq!(shape(Symbol::W), shape(Symbol::G), "{:?}", site.site);
            assert_eq!(site.saliency.is_some(), shape(Symbol::W).is_some());
            if let (Some(a), Some(d)) = (shape(Symbol::A), shape(Symbol::D)) {
                assert_eq!(a, d, "{:?}", site.site);
            }
            for tensor in &site.tensors {
                let count: usize = tensor.shape.iter().product();
                assert_eq!(tensor.moments.count, count as u64);
            }
        }
    }
}

#[test]
fn a_warm_cache_gives_the_same_traces_without_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, _) = TraceCache::open(folder.path(), &spec()).unwrap();
    let cold = build(2, Some(&cache), NEVER).0.unwrap();
    drop(cache);
    let (cache, warnings) = TraceCache::open(folder.path(), &spec()).unwrap();
    assert_eq!(warnings, []);
    let (warm, events) = build(2, Some(&cache), NEVER);
    assert_eq!(warm.unwrap(), cold);
    let all = Progress {
        finished: 8,
        cached: 8,
        total: 8,
        work: 1.0,
    };
    assert_eq!(events, [all]);
}

#[test]
fn a_cancelled_build_keeps_what_it_finished_and_continues_there() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, _) = TraceCache::open(folder.path(), &spec()).unwrap();
    let (cancelled, _) = build(1, Some(&cache), 3);
    assert!(matches!(
        cancelled,
        Err(Error::Cancelled {
            finished: 3,
            total: 8
        })
    ));
    assert_eq!(cache.len(), 3);
    let (resumed, events) = build(2, Some(&cache), NEVER);
    assert_eq!((events[0].finished, events[0].cached), (3, 3));
    assert_eq!(events.len(), 1 + 5);
    assert_eq!(resumed.unwrap(), build(1, None, NEVER).0.unwrap());
}

#[test]
fn progress_grows_to_the_end() {
    let (_, events) = build(2, None, NEVER);
    assert_eq!(events.first().map(|p| (p.finished, p.work)), Some((0, 0.0)));
    assert_eq!(events.last().map(|p| (p.finished, p.work)), Some((8, 1.0)));
    assert!(events.windows(2).all(|pair| pair[0].work < pair[1].work));
}

#[test]
fn what_visitors_take_beside_a_pass_counts() {
    let architectures = [common::encoder(1, 8)];
    let build = |bytes: u64| {
        let resources = Resources {
            pool: &pool(1),
            cache: None,
            memory: DEFAULT_MEMORY,
            weights: &[],
            progress: &|_| (),
            beside: &|_| bytes,
            bands: false,
            cancel: &Cancel::new(),
        };
        build_traces(&architectures, &spec(), resources)
    };
    assert!(build(DEFAULT_MEMORY / 2).is_ok());
    let error = build(DEFAULT_MEMORY).unwrap_err();
    assert!(matches!(
        error,
        Error::Beside {
            index: 0,
            bytes: DEFAULT_MEMORY,
            ..
        }
    ));
}

fn build_with(
    architectures: &[Architecture],
    spec: &TraceSpec,
    memory: u64,
) -> Result<Vec<Trace>, Error> {
    let resources = Resources {
        pool: &pool(2),
        cache: None,
        memory,
        weights: &[],
        progress: &|_| (),
        bands: false,
        beside: &|_| 0,
        cancel: &Cancel::new(),
    };
    build_traces(architectures, spec, resources)
}

#[test]
fn a_network_above_the_memory_limit_is_refused_before_anything_runs() {
    let mut huge = common::encoder(1, 8);
    huge.blocks[0].feed_forward.hidden = vec![1 << 40];
    let error = build_with(&[common::encoder(1, 8), huge], &spec(), DEFAULT_MEMORY).unwrap_err();
    assert!(matches!(error, Error::TooLarge { index: 1, .. }));
    assert!(error.to_string().contains("architecture 1"), "{error}");
}

#[test]
fn a_tight_memory_limit_changes_nothing_but_the_order_of_work() {
    let architectures = architectures();
    let spec = spec();
    let estimates = architectures.iter().map(|a| memory_estimate(a, &spec));
    let tight = build_with(&architectures, &spec, estimates.max().unwrap());
    assert_eq!(tight.unwrap(), build(2, None, NEVER).0.unwrap());
}

#[test]
fn seed_objective_and_tokens_each_change_the_traces() {
    let architectures = [common::encoder(1, 8)];
    let base = build_with(&architectures, &spec(), DEFAULT_MEMORY).unwrap();
    for other in [
        TraceSpec { seed: 4, ..spec() },
        TraceSpec {
            objective: Some(Objective::RandomProjection),
            ..spec()
        },
        TraceSpec {
            tokens: Tokens::Zipf { seed: 4 },
            ..spec()
        },
        TraceSpec {
            tokens: Tokens::Text((0..100).collect()),
            ..spec()
        },
    ] {
        let traces = build_with(&architectures, &other, DEFAULT_MEMORY).unwrap();
        assert_ne!(traces, base, "{other:?}");
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused_with_the_place() {
    let architectures = [common::encoder(1, 8)];
    let long = TraceSpec {
        positions: 33,
        ..spec()
    };
    let short_text = TraceSpec {
        tokens: Tokens::Text(vec![1; 20].into()),
        ..spec()
    };
    let strange_text = TraceSpec {
        tokens: Tokens::Text(vec![100; 64].into()),
        ..spec()
    };
    for (spec, expected) in [
        (long, "33 positions"),
        (short_text, "2 x 16 needs 32 tokens"),
        (strange_text, "token 100"),
    ] {
        let error = build_with(&architectures, &spec, DEFAULT_MEMORY).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("architecture 0: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}
