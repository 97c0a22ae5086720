//! Matrix products over strided views, on the `gemm` crates.

use std::marker::PhantomData;
use std::ops::Range;

use gemm_common::Parallelism;
use gemm_common::gemm::gemm_basic_generic;
use gemm_common::simd::{MixedSimd, Scalar};
#[cfg(target_arch = "x86_64")]
use gemm_common::simd::{V3, V4};

#[cfg(target_arch = "x86_64")]
use super::dispatch::InstructionSet;
use super::threads::Threads;
use crate::{Real, profile};

mod dual;

/// A read-only matrix inside a slice. Element (i, j) is
/// `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, F> {
    data: &'a [F],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// A row-major matrix that a product writes; rows may stand apart, and within
/// dual numbers so do columns.
///
/// A pointer, since two halves of its columns lie interleaved in one slice.
#[derive(Debug)]
pub struct MatrixMut<'a, F> {
    data: *mut F,
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
    slice: PhantomData<&'a mut [F]>,
}

// SAFETY: it stands for a mutable borrow of its elements, and no other view has
// any of them.
#[allow(unsafe_code)]
unsafe impl<F: Send> Send for MatrixMut<'_, F> {}

impl<'a, F> Matrix<'a, F> {
    /// All of `data` as contiguous rows of `columns` elements.
    pub(crate) fn new(data: &'a [F], columns: usize) -> Self {
        Self::strided(data, data.len() / columns.max(1), columns, columns)
    }

    /// Rows of `columns` elements that start `row_stride` apart: one head of
    /// an activation, for example.
    pub(crate) fn strided(data: &'a [F], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(covers(data.len(), rows, columns, row_stride));
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// Elements in a row.
    pub(crate) fn width(&self) -> usize {
        self.columns
    }

    /// Rows.
    pub(crate) fn height(&self) -> usize {
        self.rows
    }

    /// The transpose, without moving an element.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Some of the rows.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        // A matrix without elements may start behind the slice.
        let start = (rows.start * self.row_stride).min(self.data.len());
        Self {
            data: &self.data[start..],
            rows: rows.len(),
            ..self
        }
    }

    /// Some of the columns.
    fn columns(self, columns: Range<usize>) -> Self {
        self.transposed().rows(columns).transposed()
    }
}

impl<'a, F> MatrixMut<'a, F> {
    /// All of `data` as contiguous rows of `columns` elements.
    pub(crate) fn new(data: &'a mut [F], columns: usize) -> Self {
        let rows = data.len() / columns.max(1);
        Self::strided(data, rows, columns, columns)
    }

    /// Rows of `columns` elements that start `row_stride` apart.
    pub(crate) fn strided(
        data: &'a mut [F],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Self {
        assert!(covers(data.len(), rows, columns, row_stride));
        Self {
            data: data.as_mut_ptr(),
            rows,
            columns,
            row_stride,
            column_stride: 1,
            slice: PhantomData,
        }
    }

    /// Borrows the matrix again, for a shorter time.
    fn reborrow(&mut self) -> MatrixMut<'_, F> {
        self.part(0, self.rows, self.columns)
    }

    /// The rows before `row` and the others.
    fn split_at_row(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows);
        (
            self.part(0, row, self.columns),
            self.part(row * self.row_stride, self.rows - row, self.columns),
        )
    }

    /// The columns before `column` and the others.
    fn split_at_column(self, column: usize) -> (Self, Self) {
        assert!(column <= self.columns);
        (
            self.part(0, self.rows, column),
            self.part(
                column * self.column_stride,
                self.rows,
                self.columns - column,
            ),
        )
    }

    /// The rows and columns from an element on. Its callers take parts without
    /// a common element, inside the matrix.
    fn part(&self, offset: usize, rows: usize, columns: usize) -> Self {
        Self {
            data: self.data.wrapping_add(offset),
            rows,
            columns,
            row_stride: self.row_stride,
            column_stride: self.column_stride,
            slice: PhantomData,
        }
    }
}

/// Whether a slice of `length` holds such a matrix without overlapping rows.
fn covers(length: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    rows == 0
        || columns == 0
        || (columns <= row_stride && (rows - 1) * row_stride + columns <= length)
}

/// Effect of a product on its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// Overwrite it.
    Fresh,
    /// Add to it.
    Sum,
}

/// `destination = scale * a b`, or `+=`, on several threads.
///
/// Panics where the shapes do not fit.
pub(crate) fn product<F: Multiply>(
    threads: Threads,
    destination: MatrixMut<'_, F>,
    into: Into,
    scale: F,
    a: Matrix<'_, F>,
    b: Matrix<'_, F>,
) {
    assert!(
        a.columns == b.rows && destination.rows == a.rows && destination.columns == b.columns,
        "({}, {}) = ({}, {}) ({}, {})",
        destination.rows,
        destination.columns,
        a.rows,
        a.columns,
        b.rows,
        b.columns
    );
    let larger = destination.rows.max(destination.columns);
    let smaller = destination.rows.min(destination.columns);
    let work = larger * smaller * a.columns;
    let parts = match smaller >= FEWEST && work >= WORK {
        true => threads.count().min(larger / PART),
        false => 1,
    };
    divide(parts, destination, into, scale, a, b);
}

/// Whether a map has so many weights, and so few rows to map, that packing the weights
/// for a product takes as long as the product.
pub(crate) fn is_lopsided<F>(x: Matrix<'_, F>, weight: Matrix<'_, F>) -> bool {
    (1..=128).contains(&x.rows) && weight.rows * weight.columns >= 1 << 22
}

/// `y = x weight`, or `+=`, for few rows, by way of `turned = weight^T x^T`, which reads
/// the weights as they lie. Rows of `y` start `stride` apart; `turned` has as many elements
/// as they have.
pub(crate) fn lopsided_product<F: Real>(
    threads: Threads,
    (y, stride): (&mut [F], usize),
    into: Into,
    x: Matrix<'_, F>,
    weight: Matrix<'_, F>,
    turned: &mut [F],
) {
    let (rows, outputs) = (x.rows, weight.columns);
    product(
        threads,
        MatrixMut::new(turned, rows),
        Into::Fresh,
        F::one(),
        weight.transposed(),
        x.transposed(),
    );
    // In bands that a cache holds, since either side lies across the other.
    for (band, turned) in turned.chunks(BAND * rows).enumerate() {
        for (row, y) in y.chunks_mut(stride).take(rows).enumerate() {
            let column = turned.iter().skip(row).step_by(rows);
            let places = y[band * BAND..outputs].iter_mut().zip(column);
            match into {
                Into::Fresh => places.for_each(|(y, &x)| *y = x),
                Into::Sum => places.for_each(|(y, &x)| *y += x),
            }
        }
    }
}

/// Outputs that are turned at once.
const BAND: usize = 64;

/// Adds to `sums`, (rows of `a`, rows of `b`), the inner products of all rows of
/// two matrices over some of their columns, on the calling thread. Rows are
/// `length` apart.
///
/// # Panics
/// Where the shapes do not fit.
pub fn add_inner_products(
    sums: &mut [f32],
    a: &[f32],
    b: &[f32],
    length: usize,
    columns: Range<usize>,
) {
    let rows = |matrix: &[f32]| matrix.len() / length.max(1);
    let (above, across) = (rows(a), rows(b));
    assert!(columns.end <= length && sums.len() == above * across);
    let view = |data| Matrix::new(data, length).columns(columns.clone());
    let (left, right) = (view(a), view(b).transposed());
    let destination = MatrixMut::strided(sums, above, across, across);
    product(Threads::ONE, destination, Into::Sum, 1.0, left, right);
}

/// Least work (multiplications) that is divided, and least dimensions of a part
/// and of what is divided. Parts are large enough that the same code path
/// computes them and the whole: elements come out the same to the bit.
const WORK: usize = 1 << 19;
const PART: usize = 96;
const FEWEST: usize = 16;

/// Parts start at a multiple of these, so that only the last one has tiles that
/// are not full.
const TILE_ROWS: usize = 24;
const TILE_COLUMNS: usize = 32;

/// Most rows that one call computes: `gemm` packs all of them at once, into
/// memory that it asks the system for.
const MOST_ROWS: usize = 1024;

/// A product in so many parts side by side, along the larger dimension of the
/// destination.
fn divide<F: Multiply>(
    parts: usize,
    destination: MatrixMut<'_, F>,
    into: Into,
    scale: F,
    a: Matrix<'_, F>,
    b: Matrix<'_, F>,
) {
    let (rows, columns) = (destination.rows, destination.columns);
    if parts <= 1 && rows > MOST_ROWS {
        let middle = nearest(rows / 2, TILE_ROWS);
        let (above, below) = destination.split_at_row(middle);
        divide(1, above, into, scale, a.rows(0..middle), b);
        return divide(1, below, into, scale, a.rows(middle..rows), b);
    }
    if parts <= 1 {
        let _span = profile::span("matrix product");
        return F::multiply(destination, into, scale, a, b);
    }
    let left = parts / 2;
    if rows >= columns {
        let middle = nearest(rows * left / parts, TILE_ROWS);
        let (above, below) = destination.split_at_row(middle);
        rayon::join(
            || divide(left, above, into, scale, a.rows(0..middle), b),
            || divide(parts - left, below, into, scale, a.rows(middle..rows), b),
        );
    } else {
        let middle = nearest(columns * left / parts, TILE_COLUMNS);
        let (before, after) = destination.split_at_column(middle);
        let (b_before, b_after) = (b.columns(0..middle), b.columns(middle..columns));
        rayon::join(
            || divide(left, before, into, scale, a, b_before),
            || divide(parts - left, after, into, scale, a, b_after),
        );
    }
}

/// The multiple of `step` next to `x`.
fn nearest(x: usize, step: usize) -> usize {
    (x + step / 2) / step * step
}

/// Element types with a matrix product.
pub trait Multiply: Copy + Send + Sync {
    /// [`product`] of matrices that are known to fit, on the calling thread.
    fn multiply(
        destination: MatrixMut<'_, Self>,
        into: Into,
        scale: Self,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
    );
}

/// The product of one element type under one instruction set: `gemm`'s driver
/// with the microkernels of that set, which `gemm` itself would pick by what
/// the machine has and nothing else.
macro_rules! run {
    ($job:ident, $kernels:path, $simd:ty, $element:ty, $lanes:expr) => {{
        use $kernels as kernels;
        let simd = <$simd as MixedSimd<$element, $element, $element, $element>>::try_new();
        let Some(simd) = simd else {
            unreachable!("the instruction set in use is available");
        };
        let (destination, a, b) = ($job.destination, $job.a, $job.b);
        // SAFETY: `covers` was asserted when the views were made (of one half of
        // dual numbers: when the whole was), so every element that the strides
        // address lies inside its slice, and distinct elements of the
        // destination do not overlap; `destination` is borrowed
        // mutably and so aliases neither `a` nor `b`. `product` has checked
        // that the shapes fit.
        //
        // The driver prefers columns that are contiguous and ours are rows, so
        // it computes the transpose, b^T a^T.
        #[allow(unsafe_code)]
        unsafe {
            gemm_basic_generic::<
                $simd,
                $element,
                { $lanes },
                { kernels::MR_DIV_N * $lanes },
                { kernels::NR },
                { kernels::MR_DIV_N },
                { kernels::H_M },
                { kernels::H_N },
            >(
                simd,
                destination.columns,
                destination.rows,
                a.columns,
                destination.data,
                destination.row_stride as isize,
                destination.column_stride as isize,
                $job.into == Into::Sum,
                b.data.as_ptr(),
                b.row_stride as isize,
                b.column_stride as isize,
                a.data.as_ptr(),
                a.row_stride as isize,
                a.column_stride as isize,
                1.0,
                $job.scale,
                false,
                false,
                false,
                |x, y, z| x * y + z,
                &kernels::UKR,
                &kernels::H_UKR,
                false,
                Parallelism::None,
            );
        }
    }};
}

macro_rules! multiply {
    ($element:ident, $kernels:ident, $avx2_lanes:expr, $avx512_lanes:expr, $neon_lanes:expr) => {
        impl Multiply for $element {
            fn multiply(
                destination: MatrixMut<'_, Self>,
                into: Into,
                scale: Self,
                a: Matrix<'_, Self>,
                b: Matrix<'_, Self>,
            ) {
                let job = Job {
                    destination,
                    into,
                    scale,
                    a,
                    b,
                };
                #[cfg(target_arch = "x86_64")]
                match InstructionSet::in_use() {
                    InstructionSet::Avx512 => {
                        run!(
                            job,
                            $kernels::microkernel::avx512f::$element,
                            V4,
                            $element,
                            $avx512_lanes
                        )
                    }
                    InstructionSet::Avx2 => {
                        run!(
                            job,
                            $kernels::microkernel::fma::$element,
                            V3,
                            $element,
                            $avx2_lanes
                        )
                    }
                    InstructionSet::Portable => {
                        run!(
                            job,
                            $kernels::microkernel::scalar::$element,
                            Scalar,
                            $element,
                            1
                        )
                    }
                }
                #[cfg(target_arch = "aarch64")]
                run!(
                    job,
                    $kernels::microkernel::neon::$element,
                    Scalar,
                    $element,
                    $neon_lanes
                );
                #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
                run!(
                    job,
                    $kernels::microkernel::scalar::$element,
                    Scalar,
                    $element,
                    1
                );
            }
        }
    };
}

/// A product that is about to run.
struct Job<'a, F> {
    destination: MatrixMut<'a, F>,
    into: Into,
    scale: F,
    a: Matrix<'a, F>,
    b: Matrix<'a, F>,
}

multiply!(f32, gemm_f32, 8, 16, 4);
multiply!(f64, gemm_f64, 4, 8, 2);

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
            }
        }
        c
    }

    fn noise(count: usize, phase: f64) -> Vec<f64> {
        (0..count)
            .map(|i| (i as f64 * 12.9898 + phase).sin())
            .collect()
    }

    fn transpose(x: &[f64], columns: usize) -> Vec<f64> {
        let rows = x.len() / columns;
        (0..x.len())
            .map(|i| x[(i % rows) * columns + i / rows])
            .collect()
    }

    #[test]
    fn a_lopsided_product_is_the_product() {
        let (rows, inputs, outputs) = (5, 130, 310);
        let (x, weight) = (noise(rows * inputs, 0.1), noise(outputs * inputs, 0.2));
        let expected = naive(&x, &transpose(&weight, inputs), rows, inputs, outputs);
        let matrix = |data, columns| Matrix::new(data, columns);
        for (into, before) in [(Into::Fresh, 0.0), (Into::Sum, 1.0)] {
            for stride in [outputs, outputs + 3] {
                let mut y = vec![1.0; rows * stride];
                let mut turned = vec![1.0; rows * outputs];
                let (x, weight) = (matrix(&x, inputs), matrix(&weight, inputs).transposed());
                lopsided_product(Threads::ONE, (&mut y, stride), into, x, weight, &mut turned);
                for (y, expected) in y.chunks(stride).zip(expected.chunks(outputs)) {
                    let (own, between) = y.split_at(outputs);
                    for (y, expected) in own.iter().zip(expected) {
                        assert!((y - expected - before).abs() < 1e-11);
                    }
                    assert!(between.iter().all(|y| *y == 1.0));
                }
            }
        }
        let (weight, x) = (vec![0.0f32; 1 << 22], vec![0.0f32; 256 << 11]);
        let weight = Matrix::new(&weight[..], 1 << 11);
        assert!(is_lopsided(Matrix::new(&x[..64 << 11], 1 << 11), weight));
        assert!(!is_lopsided(Matrix::new(&x[..], 1 << 11), weight));
        // A cluster that no token of the batch fell into.
        assert!(!is_lopsided(Matrix::new(&x[..0], 1 << 11), weight));
    }

    #[test]
    fn products_of_all_orientations_agree_with_the_definition() {
        let (m, k, n) = (5, 7, 11);
        let (a, b) = (noise(m * k, 0.1), noise(k * n, 0.2));
        let expected = naive(&a, &b, m, k, n);
        let (at, bt) = (transpose(&a, k), transpose(&b, n));
        for (left, right) in [
            (Matrix::new(&a, k), Matrix::new(&b, n)),
            (Matrix::new(&at, m).transposed(), Matrix::new(&b, n)),
            (Matrix::new(&a, k), Matrix::new(&bt, k).transposed()),
        ] {
            let mut c = vec![1.0; m * n];
            product(
                Threads::ONE,
                MatrixMut::new(&mut c, n),
                Into::Fresh,
                1.0,
                left,
                right,
            );
            product(
                Threads::ONE,
                MatrixMut::new(&mut c, n),
                Into::Sum,
                2.0,
                left,
                right,
            );
            for (c, e) in c.iter().zip(&expected) {
                assert!((c - 3.0 * e).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn a_strided_destination_keeps_what_lies_between_its_rows() {
        let (a, b) = ([1.0, 2.0], [3.0, 4.0]);
        let mut c = vec![9.0; 6];
        product(
            Threads::ONE,
            MatrixMut::strided(&mut c, 2, 2, 4),
            Into::Fresh,
            1.0,
            Matrix::new(&a, 1),
            Matrix::new(&b, 2),
        );
        assert_eq!(c, [3.0, 4.0, 9.0, 9.0, 6.0, 8.0]);
    }

    #[test]
    fn an_empty_inner_dimension_gives_zeros() {
        let mut c = vec![9.0f32; 4];
        product(
            Threads::ONE,
            MatrixMut::new(&mut c, 2),
            Into::Fresh,
            1.0,
            Matrix::strided(&[], 2, 0, 0),
            Matrix::strided(&[], 0, 2, 2),
        );
        assert_eq!(c, [0.0; 4]);
    }
}
