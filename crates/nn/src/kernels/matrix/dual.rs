//! Products of matrices of dual numbers: three products of plain numbers.

use std::marker::PhantomData;

use super::{Into, Matrix, MatrixMut, Multiply};
use crate::{Dual, Real};

/// One half of every dual number, by its offset in the pair.
#[derive(Clone, Copy)]
enum Half {
    Value = 0,
    Derivative = 1,
}

impl<F: Real> Multiply for Dual<F> {
    /// `(scale a b).value` is one product of values, and its derivative two:
    /// `scale (a' b + a b')`. Nothing is copied: the halves of an interleaved
    /// matrix are matrices with doubled strides.
    fn multiply(
        destination: MatrixMut<'_, Self>,
        into: Into,
        scale: Self,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
    ) {
        let [mut values, mut derivatives] = destination.halves();
        let mut add = |half, into, scale, of_a, of_b| {
            let destination = match half {
                Half::Value => values.reborrow(),
                Half::Derivative => derivatives.reborrow(),
            };
            F::multiply(destination, into, scale, a.half(of_a), b.half(of_b));
        };
        use Half::{Derivative, Value};
        add(Value, into, scale.value, Value, Value);
        add(Derivative, into, scale.value, Value, Derivative);
        add(Derivative, Into::Sum, scale.value, Derivative, Value);
        if !scale.derivative.is_zero() {
            add(Derivative, Into::Sum, scale.derivative, Value, Value);
        }
    }
}

impl<'a, F: Real> Matrix<'a, Dual<F>> {
    fn half(self, half: Half) -> Matrix<'a, F> {
        let data = plain(self.data);
        Matrix {
            data: &data[data.len().min(half as usize)..],
            rows: self.rows,
            columns: self.columns,
            row_stride: 2 * self.row_stride,
            column_stride: 2 * self.column_stride,
        }
    }
}

impl<'a, F: Real> MatrixMut<'a, Dual<F>> {
    /// Values and derivatives. They have no element in common, and
    /// [`plain`] says why each is a matrix of plain numbers.
    fn halves(self) -> [MatrixMut<'a, F>; 2] {
        [Half::Value, Half::Derivative].map(|half| MatrixMut {
            data: self.data.cast::<F>().wrapping_add(half as usize),
            rows: self.rows,
            columns: self.columns,
            row_stride: 2 * self.row_stride,
            column_stride: 2 * self.column_stride,
            slice: PhantomData,
        })
    }
}

/// Dual numbers as value, derivative, value, derivative, ...
#[allow(unsafe_code)]
fn plain<F: Real>(data: &[Dual<F>]) -> &[F] {
    const { assert!(size_of::<Dual<F>>() == 2 * size_of::<F>()) };
    // SAFETY: `Dual<F>` is `repr(C)` with two fields of type F and, as just
    // asserted, nothing else; its alignment is that of F. So the slice holds
    // twice as many initialised F, and the borrow is passed on.
    unsafe { std::slice::from_raw_parts(data.as_ptr().cast(), 2 * data.len()) }
}

#[cfg(test)]
mod tests {
    use super::super::product;
    use super::*;
    use crate::kernels::threads::Threads;

    fn noise(count: usize, phase: f64) -> Vec<Dual<f64>> {
        let wave = |i: usize, phase: f64| (i as f64 * 12.9898 + phase).sin();
        (0..count)
            .map(|i| Dual {
                value: wave(i, phase),
                derivative: wave(i, phase + 1.7),
            })
            .collect()
    }

    /// All sizes around the special cases and block sizes of `gemm`, all
    /// orientations, destinations with rows apart.
    #[test]
    fn products_follow_the_definition() {
        let scale = Dual {
            value: 0.7,
            derivative: -0.3,
        };
        let sizes = [0, 1, 2, 3, 17, 40];
        let triples = sizes
            .iter()
            .flat_map(|&m| sizes.iter().map(move |&k| (m, k)))
            .flat_map(|(m, k)| sizes.iter().map(move |&n| (m, k, n)));
        for (m, k, n) in triples {
            for orientation in 0..4 {
                let (a, b) = (noise(m * k, 0.1), noise(k * n, 0.2));
                let a_view = match orientation & 1 {
                    0 => Matrix::strided(&a, m, k, k),
                    _ => Matrix::strided(&a, k, m, m).transposed(),
                };
                let b_view = match orientation & 2 {
                    0 => Matrix::strided(&b, k, n, n),
                    _ => Matrix::strided(&b, n, k, k).transposed(),
                };
                let stride = n + 3;
                let before = noise(m * stride, 0.3);
                for into in [Into::Fresh, Into::Sum] {
                    let mut c = before.clone();
                    let view = MatrixMut::strided(&mut c, m, n, stride);
                    product(Threads::ONE, view, into, scale, a_view, b_view);
                    for (index, (&c, &before)) in c.iter().zip(&before).enumerate() {
                        let (i, j) = (index / stride, index % stride);
                        let element = |l| {
                            let left = a[i * a_view.row_stride + l * a_view.column_stride];
                            left * b[l * b_view.row_stride + j * b_view.column_stride]
                        };
                        let expected = match (j < n, into) {
                            (false, _) => before,
                            (true, Into::Fresh) => scale * (0..k).map(element).sum(),
                            (true, Into::Sum) => before + scale * (0..k).map(element).sum(),
                        };
                        let error = c - expected;
                        assert!(
                            error.value.abs() < 1e-12 && error.derivative.abs() < 1e-12,
                            "({m}, {k}, {n}), {orientation}, {into:?}: {c} instead of {expected}"
                        );
                    }
                }
            }
        }
    }
}
