//! A fixed sample of every tensor, on which formulas are evaluated.
//!
//! The sampled positions are a function of the tensor's shape alone, so that
//! `W` and `G` of a site, or `A` and `D`, are sampled at the same places and an
//! elementwise formula over them is exact on the sample, and so that two
//! architectures are compared on equal footing.

use crate::trace::TensorTrace;

/// Elements that a sketch aims at (fewer where the tensor is smaller).
pub const POINTS: usize = 512;

/// Up to this many rows, `POINTS` elements are enough for at least four
/// complete columns, and points and fibres are one sample.
const ROWS_OF_POINT_FIBRES: usize = POINTS / MOST_FIBRES;

/// Columns kept as fibres of a tensor with many rows.
const MOST_FIBRES: usize = 4;

/// Elements of all fibres of one tensor.
const FIBRE_ELEMENTS: usize = 512;

/// Of longer columns, those of tables of tokens, so many elements are kept, at equal distances.
/// The columns of maps are whole: what sums to one over a column says how long it is.
pub const MOST_FIBRE_ROWS: usize = 4096;

/// Changing the sample means changing this, and every cached trace with it.
const SEED: u64 = 0x1f6a_9e21_7d43_c58b;

/// Where a tensor of one shape is sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Flat positions of the points, increasing within a row of the layout.
    points: Vec<usize>,
    /// Flat positions of the fibres, row by row; empty where the points are
    /// complete fibres themselves.
    fibres: Vec<usize>,
    fibre_count: usize,
}

impl Sketch {
    /// The sample of tensors of this shape.
    ///
    /// Dimension 0 counts rows, all others together are columns. With few rows
    /// (a batch, a short vector of units) the points are complete columns, as
    /// many as fit; with many rows the points are scattered and a few complete
    /// columns stand beside them. Positions are drawn one from each of equally
    /// long strata, which spreads them evenly and never draws one twice.
    pub fn of_shape(shape: &[usize]) -> Sketch {
        let elements: usize = shape.iter().product();
        if elements == 0 {
            return Sketch {
                points: Vec::new(),
                fibres: Vec::new(),
                fibre_count: 0,
            };
        }
        let rows = shape.first().copied().unwrap_or(1);
        let columns = elements / rows;
        let mut random = SplitMix::for_shape(shape);
        if elements <= POINTS || rows <= ROWS_OF_POINT_FIBRES {
            let count = (POINTS / rows).clamp(1, columns);
            return Sketch {
                points: complete(&stratified(columns, count, &mut random), 0..rows, columns),
                fibres: Vec::new(),
                fibre_count: count,
            };
        }
        let points = stratified(elements, POINTS, &mut random);
        let count = (FIBRE_ELEMENTS / rows).clamp(1, MOST_FIBRES).min(columns);
        let kept = rows.min(MOST_FIBRE_ROWS);
        let rows = (0..kept).map(|row| (row as u128 * rows as u128 / kept as u128) as usize);
        Sketch {
            points,
            fibres: complete(&stratified(columns, count, &mut random), rows, columns),
            fibre_count: count,
        }
    }

    /// Flat positions of the points.
    pub fn points(&self) -> &[usize] {
        &self.points
    }

    /// Flat positions of the fibres, (rows, columns) row-major; empty where
    /// the points are complete fibres in that layout.
    pub fn fibres(&self) -> &[usize] {
        &self.fibres
    }

    /// Number of sampled columns.
    pub fn fibre_count(&self) -> usize {
        self.fibre_count
    }

    /// The elements of `data` at the points and at the fibres.
    pub fn sample(&self, data: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let zeros = |positions: &[usize]| vec![0.0; positions.len()];
        let (mut points, mut fibres) = (zeros(&self.points), zeros(&self.fibres));
        self.sample_part(0, data, &mut points, &mut fibres);
        (points, fibres)
    }

    /// [`sample`](Self::sample) of a part of a tensor, the elements from
    /// number `first` on: writes those that are sampled.
    pub fn sample_part(&self, first: usize, part: &[f32], points: &mut [f32], fibres: &mut [f32]) {
        for (kept, positions) in [(points, &self.points), (fibres, &self.fibres)] {
            for (kept, position) in kept.iter_mut().zip(positions) {
                if let Some(x) = position.checked_sub(first).and_then(|i| part.get(i)) {
                    *kept = *x;
                }
            }
        }
    }
}

/// A sampled element as traces keep it, in the 16 bits of bfloat16: rounded to 8 significant
/// bits, one part in 512 at most. A sample of 512 elements says nothing so exactly: its own
/// error is one part in 20.
pub fn kept(x: f32) -> f32 {
    if x.is_nan() {
        return f32::NAN;
    }
    let upper = |bits: u32| f32::from_bits(bits & 0xffff_0000);
    let bits = x.to_bits();
    // To the nearest, to the even one of two; but nothing becomes infinite.
    let nearest = upper(bits.wrapping_add(0x7fff + ((bits >> 16) & 1)));
    match nearest.is_finite() {
        true => nearest,
        false => upper(bits),
    }
}

impl TensorTrace {
    /// The complete columns of the sketch with their number, row-major
    /// (rows, columns), wherever they are kept.
    pub fn columns(&self) -> (&[f32], usize) {
        let data = if self.fibres.is_empty() {
            &self.points
        } else {
            &self.fibres
        };
        (data, self.fibre_count)
    }
}

/// Flat positions of columns in these rows, row by row.
fn complete(chosen: &[usize], rows: impl Iterator<Item = usize>, columns: usize) -> Vec<usize> {
    rows.flat_map(|row| chosen.iter().map(move |column| row * columns + column))
        .collect()
}

/// One position out of each of `count` equal strata of `0..length`;
/// all of them where `count == length`.
fn stratified(length: usize, count: usize, random: &mut SplitMix) -> Vec<usize> {
    let bound = |stratum: usize| (stratum as u128 * length as u128 / count as u128) as usize;
    (0..count)
        .map(|stratum| {
            let start = bound(stratum);
            start + random.below(bound(stratum + 1) - start)
        })
        .collect()
}

/// SplitMix64 (Steele, Lea & Flood 2014): a sample needs little randomness,
/// but the same one for ever.
struct SplitMix(u64);

impl SplitMix {
    fn for_shape(shape: &[usize]) -> Self {
        let mut random = SplitMix(SEED);
        for &dimension in shape {
            random.0 ^= dimension as u64;
            random.0 = random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (multiply-shift; the bias of 2^-40 is nothing here).
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}
