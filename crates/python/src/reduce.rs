//! Exact reductions of tensors in the memory of the host, by the kernels of the engine.

use std::panic::resume_unwind;
use std::thread;

use lpzero::nn::{Sums, Wanted};
use lpzero::trace::{Moments, ShapedMoment, ShapedSweep};
use numpy::PyReadonlyArrayDyn;
use numpy::ndarray::{ArrayViewD, Axis};
use pyo3::prelude::*;

use crate::errors::refused;
use crate::trace::{NineNumbers, numbers};

/// Elements of a part of which all moments are taken in turn: it stays in the cache.
const PART: usize = 1 << 14;

/// Elements of the bands that threads share: fewer are not worth a thread.
const BAND: usize = 1 << 17;

/// The moments that look at the shape, of rows that went by.
enum Shaped {
    /// Rows of the tensor.
    Plain {
        confidence: ShapedSweep,
        /// Positive elements of each column of the last dimension.
        positive: Vec<u32>,
    },
    /// Columns of a matrix that is kept turned.
    Turned {
        /// The largest element of each row of the matrix.
        largest: Vec<f32>,
        agreement: f64,
    },
}

/// What is known of the rows of a tensor that went by.
struct Tally {
    sums: Sums,
    shaped: Shaped,
}

/// Agreement of the signs of so many rows in a column with so many positive elements.
fn agreement(rows: usize, positive: u64) -> f64 {
    (positive as f64).powi(2) + (rows as f64 - positive as f64).powi(2)
}

impl Tally {
    /// Of nothing yet, for an array of this shape, which may hold a matrix turned.
    fn new(shape: &[usize], turned: bool) -> Self {
        let units = units(shape);
        let shaped = match turned {
            true => Shaped::Turned {
                largest: vec![f32::NEG_INFINITY; units],
                agreement: 0.0,
            },
            false => Shaped::Plain {
                confidence: ShapedSweep::new(ShapedMoment::Confidence, shape),
                positive: vec![0; units],
            },
        };
        let sums = Sums::EMPTY;
        Self { sums, shaped }
    }

    /// The next elements: whole rows of the last dimension.
    fn push(&mut self, part: &[f32]) {
        self.sums.push(part, Wanted::ALL);
        match &mut self.shaped {
            Shaped::Plain {
                confidence,
                positive,
            } => {
                confidence.push(part);
                for row in part.chunks_exact(positive.len()) {
                    for (count, &x) in positive.iter_mut().zip(row) {
                        *count += u32::from(x > 0.0);
                    }
                }
            }
            Shaped::Turned {
                largest,
                agreement: sum,
            } => {
                for row in part.chunks_exact(largest.len()) {
                    let mut positive = 0_u32;
                    for (largest, &x) in largest.iter_mut().zip(row) {
                        *largest = if x > *largest { x } else { *largest };
                        positive += u32::from(x > 0.0);
                    }
                    *sum += agreement(row.len(), positive.into());
                }
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
    let mut columns = vec![0_u64; units(shape)];
    let mut maxima: Vec<f32> = Vec::new();
    let (mut means, mut turned) = (0.0, 0.0);
    for band in bands {
        sums.merge(&band.sums);
        match band.shaped {
            Shaped::Plain {
                confidence,
                positive,
            } => {
                // A mean over as many planes as the band has of them.
                means += confidence.finish() * band.sums.count as f64;
                let counts = columns.iter_mut().zip(positive);
                counts.for_each(|(count, more)| *count += u64::from(more));
            }
            Shaped::Turned { largest, agreement } => {
                maxima.resize(largest.len(), f32::NEG_INFINITY);
                let pairs = maxima.iter_mut().zip(largest);
                pairs.for_each(|(max, x)| *max = max.max(x));
                turned += agreement;
            }
        }
    }
    let rows = sums.count as usize / columns.len();
    let (confidence, code_agreement) = match maxima.is_empty() {
        true => (
            means / sums.count as f64,
            columns
                .into_iter()
                .map(|count| agreement(rows, count))
                .sum(),
        ),
        false => {
            let sum: f64 = maxima.iter().map(|&max| f64::from(max)).sum();
            (sum / maxima.len() as f64, turned)
        }
    };
    numbers(&Moments {
        count: sums.count,
        sum: sums.sum,
        sum_abs: sums.sum_abs,
        sum_square: sums.sum_square,
        sum_sqrt_abs: sums.sum_sqrt_abs,
        min: sums.min,
        max: sums.max,
        confidence,
        code_agreement,
    })
}

/// Rows of the first dimension in a band. They do not depend on the number of threads, and
/// neither does any bit of a sum.
fn band_height(shape: &[usize]) -> usize {
    let [rows, _, ..] = shape else {
        return usize::MAX;
    };
    let elements: usize = shape.iter().product();
    // A band has counts for every unit: they should be few beside its elements.
    let wanted = BAND.max(8 * units(shape));
    (wanted / (elements / rows).max(1)).clamp(1, *rows)
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

/// Bands of rows of an array.
fn bands<'a>(array: &'a ArrayViewD<'_, f32>) -> Vec<ArrayViewD<'a, f32>> {
    let height = band_height(array.shape()).min(array.len_of(Axis(0)));
    array.axis_chunks_iter(Axis(0), height).collect()
}

/// Parts of a band, in order: whole rows of the last dimension.
fn parts<'a>(band: &'a ArrayViewD<'_, f32>) -> Vec<&'a [f32]> {
    let units = units(band.shape());
    match band.as_slice() {
        Some(elements) => elements.chunks(units * (PART / units).max(1)).collect(),
        None => {
            let rows = band.rows().into_iter();
            rows.filter_map(|row| row.to_slice()).collect()
        }
    }
}

/// Refuses what has no elements, or a last dimension with gaps.
fn check(array: &ArrayViewD<'_, f32>, turned: bool) -> PyResult<()> {
    let has_gaps = array.strides().last().is_none_or(|stride| *stride != 1);
    if array.is_empty() || (has_gaps && units(array.shape()) > 1) {
        return Err(refused(
            "an array without elements, or whose rows have gaps",
        ));
    }
    match turned && array.ndim() != 2 {
        true => Err(refused("only a matrix can be turned")),
        false => Ok(()),
    }
}

/// The nine moments of an array of 32-bit floats whose rows are contiguous; of the transposed
/// matrix if `turned`.
///
/// The array is read without a copy and without the lock of the interpreter: it must not be
/// written to meanwhile. Tensors of a pass are not, since hooks run before what comes next.
#[pyfunction]
pub fn moments(
    py: Python<'_>,
    data: PyReadonlyArrayDyn<'_, f32>,
    turned: bool,
    threads: usize,
) -> PyResult<NineNumbers> {
    let data = data.as_array();
    check(&data, turned)?;
    Ok(py.detach(|| {
        let found = on_bands(&bands(&data), threads, |band| {
            let mut tally = Tally::new(data.shape(), turned);
            parts(band).into_iter().for_each(|part| tally.push(part));
            tally
        });
        together(data.shape(), found.into_iter())
    }))
}

/// The nine moments of two arrays of one shape, and of their elementwise product; as
/// [`moments`].
#[pyfunction]
pub fn pair_moments(
    py: Python<'_>,
    left: PyReadonlyArrayDyn<'_, f32>,
    right: PyReadonlyArrayDyn<'_, f32>,
    turned: bool,
    threads: usize,
) -> PyResult<[NineNumbers; 3]> {
    let (left, right) = (left.as_array(), right.as_array());
    check(&left, turned)?;
    check(&right, turned)?;
    let is_whole = |array: &ArrayViewD<'_, f32>| array.as_slice().is_some();
    if left.shape() != right.shape() || is_whole(&left) != is_whole(&right) {
        return Err(refused("two arrays of different shape or layout"));
    }
    Ok(py.detach(|| {
        let both: Vec<_> = bands(&left).into_iter().zip(bands(&right)).collect();
        let found = on_bands(&both, threads, |(of_left, of_right)| {
            let mut tallies = [(); 3].map(|()| Tally::new(left.shape(), turned));
            let mut product = Vec::new();
            for (a, b) in parts(of_left).into_iter().zip(parts(of_right)) {
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
        columns.map(|tallies| together(left.shape(), tallies.into_iter()))
    }))
}
