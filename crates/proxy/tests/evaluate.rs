//! Scores, against a naive interpreter that keeps every tensor.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/networks.rs"]
mod networks;

use std::collections::BTreeMap;

use common::{Random, score};
use lpzero_proxy::{
    Evaluator, Kernel, Kind, Node, Role, RoleSet, Sample, Site, Symbol, Trace, named, parse,
    without_disconnected,
};
use lpzero_trace::Moments;
use networks::{Everything, decoder, pass, trace};

/// A formula's value at one place, the slow and plain way.
#[derive(Clone)]
enum Value {
    Number(f64),
    Tensor(Vec<f32>, Vec<usize>),
    Layers(BTreeMap<u16, f64>),
}

struct Naive {
    scalars: Vec<f64>,
    tensors: BTreeMap<(Site, Symbol), (Vec<usize>, Vec<f32>)>,
}

impl Naive {
    fn of(trace: &Trace, everything: Everything) -> Naive {
        let mut tensors = BTreeMap::new();
        for (site, symbol, shape, data) in everything.0 {
            let head = [
                Role::Query,
                Role::Key,
                Role::Value,
                Role::Weighting,
                Role::Transform,
            ];
            if symbol == Symbol::A && head.contains(&site.role) {
                tensors.insert((site, Symbol::H), (shape.clone(), data.clone()));
            }
            tensors.insert((site, symbol), (shape, data));
        }
        Naive {
            scalars: trace.scalars.clone(),
            tensors,
        }
    }

    fn score(&self, node: &Node) -> f64 {
        let Some(node) = without_disconnected(node) else {
            return f64::NAN;
        };
        match self.value(&node, None) {
            Some(Value::Number(score)) if score.is_finite() => score,
            _ => f64::NAN,
        }
    }

    fn value(&self, node: &Node, site: Option<Site>) -> Option<Value> {
        match node {
            Node::Number(value) => Some(Value::Number(*value)),
            Node::Scalar(scalar) => Some(Value::Number(self.scalars[*scalar as usize])),
            Node::Symbol(symbol) => {
                let (shape, data) = self.tensors.get(&(site.unwrap(), *symbol))?;
                Some(Value::Tensor(data.clone(), shape.clone()))
            }
            Node::Apply(operator, arguments) => {
                let values: Vec<Value> = arguments
                    .iter()
                    .map(|argument| self.value(argument, site))
                    .collect::<Option<_>>()?;
                Some(apply(operator.row().kernel, &values))
            }
            Node::Aggregate {
                operator,
                roles,
                by_layer,
                argument,
            } => {
                let Kernel::Aggregate(kernel) = operator.row().kernel else {
                    panic!("not an aggregator");
                };
                if let Some(Value::Layers(layers)) = self.value_over_layers(argument) {
                    let values: Vec<f64> = layers.into_values().collect();
                    return Some(Value::Number(kernel(&values)));
                }
                let mut groups: BTreeMap<u16, Vec<f64>> = BTreeMap::new();
                let mut all = Vec::new();
                let sites: std::collections::BTreeSet<Site> =
                    self.tensors.keys().map(|(site, _)| *site).collect();
                for site in sites {
                    if !roles.unwrap_or(RoleSet::DEFAULT).contains(site.role) {
                        continue;
                    }
                    if let Some(Value::Number(value)) = self.value(argument, Some(site)) {
                        all.push(value);
                        if let Some(layer) = site.layer {
                            groups.entry(layer).or_default().push(value);
                        }
                    }
                }
                Some(if *by_layer {
                    let layers = groups.into_iter();
                    Value::Layers(layers.map(|(layer, v)| (layer, kernel(&v))).collect())
                } else {
                    Value::Number(kernel(&all))
                })
            }
        }
    }

    /// The argument of an aggregate, if it is one number per layer.
    fn value_over_layers(&self, argument: &Node) -> Option<Value> {
        let layers = lpzero_proxy::type_of(argument).unwrap() == lpzero_proxy::Type::Layer;
        layers.then(|| self.value(argument, None)).flatten()
    }
}

fn apply(kernel: Kernel, values: &[Value]) -> Value {
    match (kernel, values) {
        (Kernel::Elementwise { scalar, .. }, [Value::Number(x)]) => Value::Number(scalar(*x)),
        (Kernel::Elementwise { scalar, .. }, [Value::Layers(x)]) => {
            Value::Layers(x.iter().map(|(layer, x)| (*layer, scalar(*x))).collect())
        }
        (Kernel::Elementwise { scalar, .. }, [Value::Tensor(x, shape)]) => {
            let out = x.iter().map(|x| scalar(f64::from(*x)) as f32).collect();
            Value::Tensor(out, shape.clone())
        }
        (Kernel::Tensor(kernel), [Value::Tensor(x, shape)]) => {
            let mut out = x.clone();
            kernel(&mut out, x.len() / shape[0]);
            Value::Tensor(out, shape.clone())
        }
        (Kernel::Reduce { sample, .. }, [Value::Tensor(values, _)]) => {
            Value::Number(sample(Sample {
                values,
                count: values.len() as f64,
            }))
        }
        (Kernel::Moment(moment), [Value::Tensor(values, shape)]) => {
            Value::Number(moment.of(&Moments::of(values, shape)))
        }
        (Kernel::Binary { scalar, .. }, [left, right]) => binary(scalar, left, right),
        (Kernel::Product(_), [Value::Tensor(a, left), Value::Tensor(b, right)]) => {
            let rows = left[0];
            let (m, n) = (a.len() / rows, b.len() / right[0]);
            let mut out = vec![0.0f32; m * n];
            for i in 0..m {
                for j in 0..n {
                    for row in 0..rows {
                        out[i * n + j] += a[row * m + i] * b[row * n + j];
                    }
                }
            }
            Value::Tensor(out, vec![m, n])
        }
        _ => panic!("ill-typed"),
    }
}

fn binary(f: fn(f64, f64) -> f64, left: &Value, right: &Value) -> Value {
    let single = |x: f64| f64::from(x as f32);
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Value::Number(f(*a, *b)),
        (Value::Layers(a), Value::Number(b)) => {
            Value::Layers(a.iter().map(|(l, a)| (*l, f(*a, *b))).collect())
        }
        (Value::Number(a), Value::Layers(b)) => {
            Value::Layers(b.iter().map(|(l, b)| (*l, f(*a, *b))).collect())
        }
        (Value::Layers(a), Value::Layers(b)) => {
            let both = a.iter().filter_map(|(l, a)| Some((*l, f(*a, *b.get(l)?))));
            Value::Layers(both.collect())
        }
        (Value::Tensor(a, shape), Value::Number(b)) => {
            let out = a.iter().map(|a| f(f64::from(*a), single(*b)) as f32);
            Value::Tensor(out.collect(), shape.clone())
        }
        (Value::Number(a), Value::Tensor(b, shape)) => {
            let out = b.iter().map(|b| f(single(*a), f64::from(*b)) as f32);
            Value::Tensor(out.collect(), shape.clone())
        }
        (Value::Tensor(a, shape), Value::Tensor(b, _)) => {
            let pairs = a.iter().zip(b);
            let out = pairs.map(|(a, b)| f(f64::from(*a), f64::from(*b)) as f32);
            Value::Tensor(out.collect(), shape.clone())
        }
        _ => panic!("ill-typed"),
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

fn subject(layers: usize, hidden: usize, seed: u64) -> (Trace, Naive) {
    let architecture = decoder(layers, hidden);
    let trace = trace(&architecture, seed);
    let mut everything = Everything::default();
    pass(&architecture, seed, &mut everything);
    let naive = Naive::of(&trace, everything);
    (trace, naive)
}

#[test]
fn formulas_of_every_shape_agree_with_the_naive_interpreter() {
    let (trace, naive) = subject(3, 24, 5);
    let traces = [trace];
    let evaluator = Evaluator::new(&traces);
    for source in [
        "sum(sum(W * G))",
        "sum[ffn](sum(abs(W * G)))",
        "mean[attn](std(H))",
        "sum(confidence(S))",
        "sum[ffn-in, ffn-hidden](code_agreement(A))",
        "max(mean[ffn, by layer](l1(D)) / sum[attn, by layer](l2(A)))",
        "mean(l1(square(W)) + mean(square(softmax(G))))",
        "sum(std(logsoftmax(X)))",
        "sum(l2(W @ G))",
        "sum(mean(abs(A @ D)))",
        "std(mean(normalize(W) * min_max_normalize(G)))",
        "sum[query, key](l2(G)) / sum[embedding](l2(G)) ^ 0.5",
        "sum(l2(W / l2(W))) * layers",
        "sum(mean(abs(G) / sum(l2(G))))",
        "last(mean(exp(A))) - first(mean(sigmoid(A)))",
        "sum(min(J) + max(J))",
        "sum[norm](mean(W))",
        "loss + log(params)",
        "sum(l1(relu(A - mean(A))))",
        "sum(mean(maximum(A, D)) + mean(W))",
        "sum(mean(sqrt(abs(D))))",
        "sum(max(square(-3 * A)))",
        "sum(l2(W) + disconnect(G))",
    ] {
        let node = parse(source).unwrap();
        let (ours, theirs) = (
            evaluator.scores(&node, &[0]).unwrap()[0],
            naive.score(&node),
        );
        assert!(ours.is_finite(), "{source} is {ours}");
        // A trace keeps 8 bits of each sampled element.
        assert!(close(ours, theirs, 1e-3), "{source}: {ours}, not {theirs}");
    }
}

#[test]
fn random_formulas_agree_with_the_naive_interpreter() {
    let (trace, naive) = subject(2, 16, 9);
    let traces = [trace];
    let evaluator = Evaluator::new(&traces);
    let mut random = Random(3);
    let (mut agree, mut finite, count) = (0, 0, 3_000);
    for depth in (4..9).cycle().take(count) {
        let node = score(&mut random, depth);
        let (ours, theirs) = (
            evaluator.scores(&node, &[0]).unwrap()[0],
            naive.score(&node),
        );
        agree += usize::from(close(ours, theirs, 5e-3));
        finite += usize::from(ours.is_finite());
    }
    // The rest are ill-conditioned: differences of nearly equal numbers, of which a trace keeps 8
    // bits, or overflow of one of the two.
    assert!(agree * 100 >= count * 97, "{agree} of {count}");
    assert!(finite * 3 >= count, "{finite} of {count}");
}

#[test]
fn the_named_proxies_are_finite_and_as_defined() {
    let (trace, naive) = subject(2, 32, 1);
    let layers = trace.scalars[lpzero_trace::NetworkScalar::Layers as usize];
    let traces = [trace];
    let evaluator = Evaluator::new(&traces);
    for proxy in named::NAMED {
        let node = proxy.node();
        let ours = evaluator.scores(&node, &[0]).unwrap()[0];
        // Not on traces; compared with PyTorch where whole tensors are scored.
        if node.needs_whole_tensors() {
            assert!(ours.is_nan(), "{}", proxy.name);
            continue;
        }
        assert!(ours.is_finite(), "{}", proxy.name);
        assert!(close(ours, naive.score(&node), 1e-5), "{}", proxy.name);
    }
    let depth2_width = named::find("depth2_width").unwrap().node();
    let score = evaluator.scores(&depth2_width, &[0]).unwrap()[0];
    assert_eq!(score, layers * layers * 16.0);
}

#[test]
fn sites_that_lack_a_symbol_are_left_out_and_no_sites_are_nothing() {
    let (trace, _) = subject(2, 16, 2);
    let sites = trace.sites.clone();
    let with_saliency = sites
        .iter()
        .filter(|s| s.saliency.is_some() && s.site.role != Role::Norm);
    let count = with_saliency.count() as f64;
    let traces = [trace];
    let evaluator = Evaluator::new(&traces);
    let value = |source| evaluator.scores(&parse(source).unwrap(), &[0]).unwrap()[0];
    // Attention has no weights, so it does not count here.
    assert_eq!(value("sum(mean(W) / mean(W))"), count);
    assert_eq!(value("sum[segment](l2(W))"), 0.0);
    assert!(value("mean[segment](l2(W))").is_nan());
    assert!(value("sum[attn](mean(H)) / sum[ffn](mean(H))").is_nan());
    assert!(value("disconnect(layers)").is_nan());
    assert!(value("log(0 - layers)").is_nan());
}

#[test]
fn any_subset_in_any_order_with_any_cache_gives_the_same_scores() {
    let traces: Vec<Trace> = (1..5)
        .map(|layers| trace(&decoder(layers, 8 * layers), 7))
        .collect();
    let cached = Evaluator::new(&traces);
    let uncached = Evaluator::with_cache(&traces, 0);
    let mut random = Random(11);
    for _ in 0..300 {
        let node = score(&mut random, 6);
        let some = cached.scores(&node, &[3, 1]).unwrap();
        let all = cached.all_scores(&node).unwrap();
        let fresh = uncached.all_scores(&node).unwrap();
        for (a, b) in all
            .iter()
            .zip(&fresh)
            .chain(some.iter().zip([&fresh[3], &fresh[1]]))
        {
            assert_eq!(a.to_bits(), b.to_bits(), "{node}");
        }
    }
    assert!(cached.scores(&parse("layers").unwrap(), &[99]).unwrap()[0].is_nan());
}

#[test]
fn threads_that_share_an_evaluator_agree() {
    let traces: Vec<Trace> = (1..4)
        .map(|layers| trace(&decoder(layers, 16), 7))
        .collect();
    let evaluator = Evaluator::with_cache(&traces, 1 << 14);
    let scores = || {
        let mut random = Random(5);
        let mut bits = Vec::new();
        for _ in 0..200 {
            let node = score(&mut random, 6);
            bits.extend(
                evaluator
                    .all_scores(&node)
                    .unwrap()
                    .into_iter()
                    .map(f64::to_bits),
            );
        }
        bits
    };
    let threads: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4).map(|_| scope.spawn(scores)).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .collect()
    });
    assert!(threads.iter().all(|bits| *bits == threads[0]));
}

#[test]
fn a_formula_that_is_no_score_is_a_type_error() {
    let traces = [trace(&decoder(1, 16), 7)];
    let site = lpzero_proxy::parse_expression("l2(W)").unwrap();
    let error = Evaluator::new(&traces).scores(&site, &[0]).unwrap_err();
    assert!(error.to_string().contains("one number per site"));
}

#[test]
fn only_aggregators_sum_to_zero_over_nothing() {
    for row in lpzero_proxy::OPERATORS
        .iter()
        .filter(|row| row.kind == Kind::Aggregator)
    {
        let Kernel::Aggregate(kernel) = row.kernel else {
            panic!("{}", row.name);
        };
        let nothing = kernel(&[]);
        assert!(nothing.is_nan() == (row.name != "sum"), "{}", row.name);
    }
}
