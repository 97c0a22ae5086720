//! Exact reductions of tensors in the memory of the host, by the kernels of the engine.

use std::panic::resume_unwind;
use std::thread;

use lpzero::nn::{Sums, Wanted};
use lpzero::trace::{Moments, ShapedMoment, ShapedSweep};
use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;

use crate::errors::refused;
use crate::trace::{NineNumbers, numbers};

/// Elements of a part of which all moments are taken in turn: it stays in the cache.
const PART: usize = 1 << 14;

/// Elements of the bands that threads share: fewer are not worth a thread.
const BAND: usize = 1 << 17;

/// What is known of the rows of a tensor that went by.
struct Tally {
    sums: Sums,
    confidence: ShapedSweep,
    /// Positive elements of each column of the last dimension.
    positive: Vec<u64>,
    /// Elements that it stands for.
    elements: usize,
}

impl Tally {
    fn new(shape: &[usize], elements: usize) -> Self {
        Self {
            sums: Sums::EMPTY,
            confidence: ShapedSweep::new(ShapedMoment::Confidence, shape),
            positive: vec![0; units(shape)],
            elements,
        }
    }

    /// The next elements: whole rows of the last dimension.
    fn push(&mut self, part: &[f32]) {
        self.sums.push(part, Wanted::ALL);
        self.confidence.push(part);
        for row in part.chunks_exact(self.positive.len()) {
            for (count, &x) in self.positive.iter_mut().zip(row) {
                *count += u64::from(x > 0.0);
            }
        }
    }
}

/// Elements along the last dimension.
fn units(shape: &[usize]) -> usize {
    shape.last().copied().unwrap_or(1).max(1)
}

/// The moments of a tensor from those of its bands, which are in order.
fn together(shape: &[usize], bands: impl Iterator<Item = Tally>) -> NineNumbers {
    let mut sums = Sums::EMPTY;
    let mut positive = vec![0_u64; units(shape)];
    let mut confidence = 0.0;
    for band in bands {
        sums.merge(&band.sums);
        // A mean over as many planes as the band has of them.
        confidence += band.confidence.finish() * band.elements as f64;
        let counts = positive.iter_mut().zip(band.positive);
        counts.for_each(|(count, more)| *count += more);
    }
    let lines = sums.count as f64 / positive.len() as f64;
    let agreement = |positive: u64| (positive as f64).powi(2) + (lines - positive as f64).powi(2);
    numbers(&Moments {
        count: sums.count,
        sum: sums.sum,
        sum_abs: sums.sum_abs,
        sum_square: sums.sum_square,
        sum_sqrt_abs: sums.sum_sqrt_abs,
        min: sums.min,
        max: sums.max,
        confidence: confidence / sums.count as f64,
        code_agreement: positive.into_iter().map(agreement).sum(),
    })
}

/// Elements of bands of rows of the first dimension. They do not depend on the number of
/// threads, and neither does any bit of a sum.
fn band_length(shape: &[usize]) -> usize {
    let elements: usize = shape.iter().product();
    let rows = match shape {
        [rows, _, ..] => *rows,
        _ => 1,
    };
    let row = (elements / rows.max(1)).max(1);
    // A band has counts for every unit: they should be few beside its elements.
    let wanted = BAND.max(8 * units(shape));
    row * (wanted / row).clamp(1, rows.max(1))
}

/// Works on every band, in their order, divided among threads.
fn on_bands<T: Sync, R: Send>(
    bands: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let share = bands.len().div_ceil(threads.max(1)).max(1);
    let work = |bands: &[T]| bands.iter().map(&work).collect::<Vec<R>>();
    let mut shares = bands.chunks(share);
    let first = shares.next().unwrap_or_default();
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = shares
            .map(|bands| scope.spawn(move || work(bands)))
            .collect();
        let mut found = work(first);
        for thread in others {
            let bands = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            found.extend(bands);
        }
        found
    })
}

/// Elements of parts of whole rows of the last dimension.
fn part_length(shape: &[usize]) -> usize {
    let units = units(shape);
    units * (PART / units).max(1)
}

/// The elements of an array, as many as the shape has and at least one.
fn elements<'a>(array: &'a PyReadonlyArrayDyn<'_, f32>, shape: &[usize]) -> PyResult<&'a [f32]> {
    let elements = array.as_slice().map_err(refused)?;
    let expected: usize = shape.iter().product();
    match elements.len() == expected && expected > 0 {
        true => Ok(elements),
        false => Err(refused(format_args!(
            "{} elements, expected {expected} for shape {shape:?}",
            elements.len()
        ))),
    }
}

/// The nine moments of a contiguous array of 32-bit floats.
#[pyfunction]
pub fn moments(
    py: Python<'_>,
    data: PyReadonlyArrayDyn<'_, f32>,
    shape: Vec<usize>,
    threads: usize,
) -> PyResult<NineNumbers> {
    let data = elements(&data, &shape)?;
    let (band, part) = (band_length(&shape), part_length(&shape));
    Ok(py.detach(|| {
        let bands: Vec<&[f32]> = data.chunks(band).collect();
        let found = on_bands(&bands, threads, |band| {
            let mut tally = Tally::new(&shape, band.len());
            band.chunks(part).for_each(|part| tally.push(part));
            tally
        });
        together(&shape, found.into_iter())
    }))
}

/// The nine moments of two contiguous arrays of one shape, and of their elementwise product.
#[pyfunction]
pub fn pair_moments(
    py: Python<'_>,
    left: PyReadonlyArrayDyn<'_, f32>,
    right: PyReadonlyArrayDyn<'_, f32>,
    shape: Vec<usize>,
    threads: usize,
) -> PyResult<[NineNumbers; 3]> {
    let (left, right) = (elements(&left, &shape)?, elements(&right, &shape)?);
    let (band, part) = (band_length(&shape), part_length(&shape));
    Ok(py.detach(|| {
        let bands: Vec<_> = left.chunks(band).zip(right.chunks(band)).collect();
        let found = on_bands(&bands, threads, |(left, right)| {
            let mut tallies = [(); 3].map(|()| Tally::new(&shape, left.len()));
            let mut product = Vec::new();
            for (a, b) in left.chunks(part).zip(right.chunks(part)) {
                product.clear();
                product.extend(a.iter().zip(b).map(|(x, y)| x * y));
                for (tally, part) in tallies.iter_mut().zip([a, b, &product]) {
                    tally.push(part);
                }
            }
            tallies
        });
        let mut columns = [(); 3].map(|()| Vec::new());
        for tallies in found {
            for (column, tally) in columns.iter_mut().zip(tallies) {
                column.push(tally);
            }
        }
        columns.map(|tallies| together(&shape, tallies.into_iter()))
    }))
}
