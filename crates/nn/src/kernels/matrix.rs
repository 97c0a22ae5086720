//! Matrix products over strided views, on `gemm`.

use crate::Real;

/// A read-only matrix inside a slice. Element (i, j) is
/// `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, F> {
    data: &'a [F],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// A row-major matrix that a product writes; rows may stand apart.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a, F> {
    data: &'a mut [F],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

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
            data,
            rows,
            columns,
            row_stride,
        }
    }
}

/// Whether a slice of `length` holds such a matrix without overlapping rows.
fn covers(length: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    rows == 0
        || columns == 0
        || (columns <= row_stride && (rows - 1) * row_stride + columns <= length)
}

/// What a product does to its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Into {
    /// Overwrite it.
    Fresh,
    /// Add to it.
    Sum,
}

/// `destination = scale * a b`, or `+=`.
///
/// Runs on the calling thread. Panics where the shapes do not fit.
pub(crate) fn product<F: Real>(
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
    // SAFETY: `covers` was asserted when the views were made, so every element
    // that the strides address lies inside its slice, and distinct elements of
    // the destination do not overlap; `destination` is borrowed mutably and so
    // aliases neither `a` nor `b`.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            destination.rows,
            destination.columns,
            a.columns,
            destination.data.as_mut_ptr(),
            1,
            destination.row_stride as isize,
            into == Into::Sum,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            F::one(),
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

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
            product(MatrixMut::new(&mut c, n), Into::Fresh, 1.0, left, right);
            product(MatrixMut::new(&mut c, n), Into::Sum, 2.0, left, right);
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
            MatrixMut::new(&mut c, 2),
            Into::Fresh,
            1.0,
            Matrix::strided(&[], 2, 0, 0),
            Matrix::strided(&[], 0, 2, 2),
        );
        assert_eq!(c, [0.0; 4]);
    }
}
