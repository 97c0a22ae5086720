//! Cross-entropy over the rows of tables: what every objective over a
//! vocabulary ends in.

use super::linear::mapped;
use crate::kernels::elementwise::{add_column_sums, fill_rows};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::kernels::softmax::cross_entropy_rows;
use crate::parameters::ParameterId;
use crate::pass::{Pass, Rows};
use crate::{Real, Site, Symbol};

/// Logits that shall be in memory at once, unless the visitor must see all:
/// 8 MB in single precision.
const SLICE: usize = 1 << 21;

/// Fewest rows of a slice: with fewer, adding to the gradient of the table
/// would take too long beside computing it.
const FEWEST_ROWS: usize = 128;

/// Some of the classes. Their scores for features x are `x W^T + b`. Gradients are
/// not touched in a pass without a backward half, and may be empty then.
pub(super) struct Classes<'a, F> {
    /// W, (classes, features), and where its gradient goes.
    pub(super) weight: (&'a [F], Gradient<'a, F>),
    /// b, and where its gradient is written. All have one, or none has.
    pub(super) bias: Option<(&'a [F], &'a mut [F])>,
}

/// Destination of the gradient of a table.
pub(super) enum Gradient<'a, F> {
    /// It is written here, and shown by the caller.
    Whole(&'a mut [F]),
    /// It is shown in bands and never whole: where [`is_one_slice`] only.
    Bands(ParameterId),
}

/// How many slices the rows are scored in.
fn slices<F: Real>(pass: &Pass<'_, F>, (site, rows): (Site, Rows), scores: usize) -> usize {
    let seen = pass.wants(site, Symbol::A) || pass.wants(site, Symbol::D);
    match seen && !pass.visitor.takes_rows() {
        true => 1,
        false => (rows.count() * scores / SLICE)
            .min(rows.count() / FEWEST_ROWS)
            .max(1),
    }
}

/// Whether all rows are scored at once, for so many classes.
pub(super) fn is_one_slice<F: Real>(
    pass: &Pass<'_, F>,
    place: (Site, Rows),
    scores: usize,
) -> bool {
    place.1.count() > 0 && slices(pass, place, scores) == 1
}

/// Summed cross-entropy in nats of one target class per row of `x` (rows,
/// features), and the gradient of `share` times it with respect to `x`; that of
/// each row is written to `losses`. Classes count through `classes`. Shows X, A and
/// D of the scores.
///
/// Rows are scored slice by slice, so that logits are never whole in memory
/// unless a visitor has to see them so. In a pass without gradients these are
/// unspecified.
pub(super) fn cross_entropy<F: Real>(
    pass: &mut Pass<'_, F>,
    (site, rows): (Site, Rows),
    (x, features): (&[F], usize),
    classes: &mut [Classes<'_, F>],
    (targets, share): (&[u32], f64),
    losses: &mut [f64],
) -> (f64, Vec<F>) {
    pass.show(site, Symbol::X, rows, x);
    let classes_of = |some: &Classes<'_, F>| some.weight.0.len() / features;
    let scores: usize = classes.iter().map(classes_of).sum();
    let slices = slices(pass, (site, rows), scores);
    let slice = rows.count().div_ceil(slices).max(1);
    let mut biases = pass.take(scores);
    let mut bias_sums = pass.zeroed(scores);
    let mut logits = pass.take(rows.count().min(slice) * scores);
    let mut dx = pass.take(x.len());
    let has_bias = classes.iter().any(|some| some.bias.is_some());
    for_each_class(classes, features, |first, some| {
        if let Some((bias, _)) = &some.bias {
            biases[first..][..bias.len()].copy_from_slice(bias);
        }
    });

    let mut loss = 0.0;
    let slices = x
        .chunks(slice * features)
        .zip(dx.chunks_mut(slice * features));
    let targets = targets.chunks(slice).zip(losses.chunks_mut(slice));
    for (i, ((x, dx), (targets, losses))) in slices.zip(targets).enumerate() {
        let x = Matrix::new(x, features);
        let logits = &mut logits[..targets.len() * scores];
        if has_bias {
            fill_rows(pass.threads, logits, &biases);
        }
        let into = if has_bias { Into::Sum } else { Into::Fresh };
        for_each_class(classes, features, |first, some| {
            let own = (&mut logits[first..], scores);
            let weight = Matrix::new(some.weight.0, features);
            mapped(pass, own, into, x, weight.transposed());
        });
        let first = i * slice * scores;
        pass.show_rows(site, Symbol::A, rows, (first, logits), scores);
        let (count, share) = (targets.len(), F::of(share));
        loss += cross_entropy_rows(pass.threads, logits, scores, (targets, losses), share);
        if !pass.is_differentiated() {
            continue;
        }
        pass.show_rows(site, Symbol::D, rows, (first, logits), scores);
        let into = if i == 0 { Into::Fresh } else { Into::Sum };
        for_each_class(classes, features, |first, some| {
            let d = Matrix::strided(&logits[first..], count, classes_of(some), scores);
            match &mut some.weight.1 {
                Gradient::Whole(dweight) => {
                    let dweight = MatrixMut::new(dweight, features);
                    product(pass.threads, dweight, into, F::one(), d.transposed(), x);
                }
                Gradient::Bands(table) => {
                    pass.show_product_in_bands(*table, site, d.transposed(), x);
                }
            }
            let into = if first == 0 { Into::Fresh } else { Into::Sum };
            let weight = Matrix::new(some.weight.0, features);
            mapped(pass, (&mut *dx, features), into, d, weight);
        });
        if has_bias {
            add_column_sums(pass.threads, &mut bias_sums, logits);
        }
    }
    if x.is_empty() {
        clear(classes, features);
    }
    for_each_class(classes, features, |first, some| {
        if let Some((_, dbias)) = &mut some.bias {
            dbias.copy_from_slice(&bias_sums[first..][..dbias.len()]);
        }
    });
    pass.give([logits, biases, bias_sums]);
    (loss, dx)
}

/// The gradients of weights that no row has reached: 0.
fn clear<F: Real>(classes: &mut [Classes<'_, F>], features: usize) {
    for_each_class(classes, features, |_, some| {
        if let Gradient::Whole(dweight) = &mut some.weight.1 {
            dweight.fill(F::zero());
        }
    });
}

/// Visits some classes after the other, with the number of the first one.
fn for_each_class<F>(
    classes: &mut [Classes<'_, F>],
    features: usize,
    mut visit: impl FnMut(usize, &mut Classes<'_, F>),
) {
    let mut first = 0;
    for some in classes {
        visit(first, some);
        first += some.weight.0.len() / features;
    }
}
