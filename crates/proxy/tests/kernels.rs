//! Every kernel against values computed with PyTorch and NumPy.
#![allow(clippy::unwrap_used)]

use lpzero_proxy::{Kernel, Kind, OPERATORS, Operator, OperatorId, Sample};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Null => vec![f64::NAN],
        Value::String(text) => vec![text.parse().unwrap()],
        number => vec![number.as_f64().unwrap()],
    }
}

/// The operator that the fixture means: it names the paper's operations as the
/// paper does, and reductions are meant where a name has two meanings.
fn operator(name: &str, arity: usize) -> &'static Operator {
    let mut called = OperatorId::called(name, arity);
    called.next().unwrap_or_else(|| panic!("{name}")).row()
}

fn run(row: &Operator, inputs: &[Vec<f64>], shape: &[usize]) -> Vec<f64> {
    let single: Vec<Vec<f32>> = inputs
        .iter()
        .map(|input| input.iter().map(|x| *x as f32).collect())
        .collect();
    let mut values = single[0].clone();
    match row.kernel {
        Kernel::Elementwise { scalar, slice } => {
            slice(&mut values);
            for (x, y) in inputs[0].iter().zip(&values) {
                assert!(close(scalar(*x), f64::from(*y)), "{}: {x}", row.name);
            }
        }
        Kernel::Tensor(kernel) => kernel(&mut values, single[0].len() / shape[0]),
        Kernel::Reduce { sample, moments } => {
            let count = values.len() as f64;
            let values = &values;
            let sampled = sample(Sample { values, count });
            let exact = moments(
                &lpzero_trace::Moments::of(values, shape),
                lpzero_proxy::Form::Identity,
            );
            assert!(close(exact.unwrap(), sampled), "{}", row.name);
            return vec![sampled];
        }
        Kernel::Binary { scalar, slices, .. } => {
            slices(&mut values, &single[1]);
            for ((a, b), y) in inputs[0].iter().zip(&inputs[1]).zip(&values) {
                assert!(
                    close(scalar(*a, *b), f64::from(*y)),
                    "{}: {a}, {b}",
                    row.name
                );
            }
        }
        Kernel::Moment(moment) => {
            return vec![moment.of(&lpzero_trace::Moments::of(&values, shape))];
        }
        Kernel::Product(kernel) => {
            let columns = [0, 1].map(|k| single[k].len() / shape[0]);
            kernel(&single[0], &single[1], columns, &mut values);
        }
        Kernel::Aggregate(kernel) => return vec![kernel(&inputs[0])],
        Kernel::Whole(kernel) => {
            let tensor = lpzero_proxy::Whole {
                values: &values,
                first: shape[0],
                last: shape.last().copied().unwrap_or(1),
            };
            return vec![kernel(tensor)];
        }
        Kernel::None => {}
    }
    values.into_iter().map(f64::from).collect()
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 2e-6 * (1.0 + a.abs().max(b.abs()))
}

#[test]
fn every_kernel_of_the_fixture_agrees() {
    let text = include_str!("fixtures/operators.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    let mut covered = std::collections::BTreeSet::new();
    for case in fixture.as_array().unwrap() {
        let name = case["operator"].as_str().unwrap();
        let shape: Vec<usize> = numbers(&case["shape"])
            .iter()
            .map(|n| *n as usize)
            .collect();
        let mut inputs = vec![numbers(&case["input"])];
        if let Some(other) = case.get("other") {
            inputs.push(numbers(other));
        }
        let row = operator(name, inputs.len());
        let (ours, theirs) = (run(row, &inputs, &shape), numbers(&case["output"]));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (a, b) in ours.iter().zip(&theirs) {
            assert!(close(*a, *b), "{name} of {shape:?}: {a}, not {b}");
        }
        covered.insert(row.name);
    }
    let trivial = |row: &Operator| row.kind == Kind::Disconnect || row.name == "no_op";
    for row in OPERATORS
        .iter()
        .filter(|row| row.paper && row.arity() == 1 && !trivial(row))
    {
        assert!(
            covered.contains(row.name),
            "{} is not in the fixture",
            row.name
        );
    }
}
