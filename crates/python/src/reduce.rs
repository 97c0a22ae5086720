//! Exact reductions of tensors in the memory of the host, by the kernels of the engine.

use lpzero::nn::Wanted;
use lpzero::trace::{Moments, PairSums, ShapedMoment, ShapedSweep};
use pyo3::buffer::{PyBuffer, ReadOnlyCell};
use pyo3::prelude::*;

use crate::errors::refused;
use crate::trace::{NineNumbers, numbers};

/// Elements of a part that is copied and then reduced in turn: it stays in the cache.
const PART: usize = 1 << 14;

/// The two moments that look at the shape, as a tensor goes by.
struct Shaped([ShapedSweep; 2]);

impl Shaped {
    fn new(shape: &[usize]) -> Self {
        Self(ShapedMoment::ALL.map(|moment| ShapedSweep::new(moment, shape)))
    }

    fn push(&mut self, part: &[f32]) {
        self.0.iter_mut().for_each(|sweep| sweep.push(part));
    }

    /// All nine moments, given the seven that do not look at the shape.
    fn finish(self, moments: Option<Moments>) -> NineNumbers {
        let [confidence, code_agreement] = self.0.map(ShapedSweep::finish);
        let nine = moments.map(|moments| Moments {
            confidence,
            code_agreement,
            ..moments
        });
        nine.map_or([f64::NAN; 9], |nine| numbers(&nine))
    }
}

/// The elements of a buffer in the order of its shape.
fn elements<'a>(
    py: Python<'a>,
    data: &'a PyBuffer<f32>,
    shape: &[usize],
) -> PyResult<&'a [ReadOnlyCell<f32>]> {
    let elements = data.as_slice(py);
    let elements = elements.ok_or_else(|| refused("a buffer that is not contiguous"))?;
    let expected: usize = shape.iter().product();
    match elements.len() == expected {
        true => Ok(elements),
        false => Err(refused(format_args!(
            "{} elements, expected {expected} for shape {shape:?}",
            elements.len()
        ))),
    }
}

fn copy(from: &[ReadOnlyCell<f32>], to: &mut Vec<f32>) {
    to.clear();
    to.extend(from.iter().map(ReadOnlyCell::get));
}

/// The nine moments of a contiguous buffer of 32-bit floats.
#[pyfunction]
pub fn moments(py: Python<'_>, data: PyBuffer<f32>, shape: Vec<usize>) -> PyResult<NineNumbers> {
    let mut sums = PairSums::new([true, false, false], Wanted::ALL);
    let (mut shaped, mut part) = (Shaped::new(&shape), Vec::new());
    for cells in elements(py, &data, &shape)?.chunks(PART) {
        copy(cells, &mut part);
        sums.push(&part, &part);
        shaped.push(&part);
    }
    let [found, ..] = sums.finish();
    Ok(shaped.finish(found))
}

/// The nine moments of two contiguous buffers of one shape, and of their elementwise product.
#[pyfunction]
pub fn pair_moments(
    py: Python<'_>,
    left: PyBuffer<f32>,
    right: PyBuffer<f32>,
    shape: Vec<usize>,
) -> PyResult<[NineNumbers; 3]> {
    let mut sums = PairSums::new([true; 3], Wanted::ALL);
    let mut shaped = [(); 3].map(|()| Shaped::new(&shape));
    let [mut a, mut b, mut product] = [(); 3].map(|()| Vec::new());
    let right = elements(py, &right, &shape)?.chunks(PART);
    for (left, right) in elements(py, &left, &shape)?.chunks(PART).zip(right) {
        copy(left, &mut a);
        copy(right, &mut b);
        product.clear();
        product.extend(a.iter().zip(&b).map(|(x, y)| x * y));
        sums.push(&a, &b);
        for (sweep, part) in shaped.iter_mut().zip([&a, &b, &product]) {
            sweep.push(part);
        }
    }
    let mut found = sums.finish().into_iter();
    Ok(shaped.map(|shaped| shaped.finish(found.next().flatten())))
}
