//! Exact reductions of tensors in the memory of the host, by the kernels of the engine.

use lpzero::nn::Wanted;
use lpzero::trace::{Moments, PairSums, ShapedMoment, ShapedSweep};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use crate::errors::refused;
use crate::trace::{NineNumbers, numbers};

/// Elements of a part that is reduced by all sweeps in turn: it stays in the cache.
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

/// The elements of a buffer in the order of its shape. They are copied: whoever owns the
/// buffer may write to it.
fn elements(py: Python<'_>, data: &PyBuffer<f32>, shape: &[usize]) -> PyResult<Vec<f32>> {
    let expected: usize = shape.iter().product();
    match data.item_count() == expected {
        true => data.to_vec(py),
        false => Err(refused(format_args!(
            "{} elements, expected {expected} for shape {shape:?}",
            data.item_count()
        ))),
    }
}

/// The nine moments of a buffer of 32-bit floats.
#[pyfunction]
pub fn moments(py: Python<'_>, data: PyBuffer<f32>, shape: Vec<usize>) -> PyResult<NineNumbers> {
    let data = elements(py, &data, &shape)?;
    Ok(py.detach(|| {
        let mut sums = PairSums::new([true, false, false], Wanted::ALL);
        let mut shaped = Shaped::new(&shape);
        for part in data.chunks(PART) {
            sums.push(part, part);
            shaped.push(part);
        }
        let [found, ..] = sums.finish();
        shaped.finish(found)
    }))
}

/// The nine moments of two buffers of one shape, and of their elementwise product.
#[pyfunction]
pub fn pair_moments(
    py: Python<'_>,
    left: PyBuffer<f32>,
    right: PyBuffer<f32>,
    shape: Vec<usize>,
) -> PyResult<[NineNumbers; 3]> {
    let (left, right) = (elements(py, &left, &shape)?, elements(py, &right, &shape)?);
    Ok(py.detach(|| {
        let mut sums = PairSums::new([true; 3], Wanted::ALL);
        let mut shaped = [(); 3].map(|()| Shaped::new(&shape));
        let mut product = Vec::with_capacity(PART);
        for (a, b) in left.chunks(PART).zip(right.chunks(PART)) {
            product.clear();
            product.extend(a.iter().zip(b).map(|(x, y)| x * y));
            sums.push(a, b);
            for (sweep, part) in shaped.iter_mut().zip([a, b, &product]) {
                sweep.push(part);
            }
        }
        let mut found = sums.finish().into_iter();
        shaped.map(|shaped| shaped.finish(found.next().flatten()))
    }))
}
