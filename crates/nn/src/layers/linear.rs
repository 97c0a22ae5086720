//! `y = x W^T + b`.

use crate::kernels::elementwise::{add_column_sums, fill_rows};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, is_lopsided, lopsided_product, product};
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Site, Symbol};

/// A linear map with its site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    weight: ParameterId,
    bias: Option<ParameterId>,
    site: Site,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// Declares `{name}.weight` (outputs, inputs) and, with `bias`,
    /// `{name}.bias`.
    pub(crate) fn declare(
        declarations: &mut Declarations,
        name: &str,
        site: Site,
        (inputs, outputs): (usize, usize),
        bias: bool,
        deviation: f64,
    ) -> Self {
        let weight = declarations.declare(
            format!("{name}.weight"),
            &[outputs, inputs],
            Initial::Normal { deviation },
        );
        let bias =
            bias.then(|| declarations.declare(format!("{name}.bias"), &[outputs], Initial::Zeros));
        Linear {
            weight,
            bias,
            site,
            inputs,
            outputs,
        }
    }

    /// The weight, for layers that share it.
    pub(crate) fn weight(&self) -> ParameterId {
        self.weight
    }

    /// (rows, inputs) to (rows, outputs). Shows X and A.
    pub(crate) fn forward<F: Real>(&self, pass: &mut Pass<'_, F>, rows: Rows, x: &[F]) -> Vec<F> {
        pass.show(self.site, Symbol::X, rows, x);
        let mut y = pass.take(rows.count() * self.outputs);
        let into = match self.bias {
            Some(bias) => {
                fill_rows(pass.threads, &mut y, pass.weight(bias));
                pass.scale_constants(&mut y);
                Into::Sum
            }
            None => Into::Fresh,
        };
        let weight = Matrix::new(pass.weight(self.weight), self.inputs);
        mapped(
            pass,
            (&mut y, self.outputs),
            into,
            Matrix::new(x, self.inputs),
            weight.transposed(),
        );
        pass.show(self.site, Symbol::A, rows, &y);
        y
    }

    /// Writes the gradient with respect to `x` into `dx`, or adds it. Shows D,
    /// the weight and the bias.
    pub(crate) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        dy: &[F],
        dx: &mut [F],
        into: Into,
    ) {
        pass.show(self.site, Symbol::D, rows, dy);
        self.backward_weights(pass, x, dy, None);
        self.backward_input(pass, dy, dx, into);
    }

    /// [`backward`](Self::backward) into a new buffer.
    pub(crate) fn backward_fresh<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        dy: &[F],
    ) -> Vec<F> {
        let mut dx = pass.take(rows.count() * self.inputs);
        self.backward(pass, rows, x, dy, &mut dx, Into::Fresh);
        dx
    }

    /// [`backward`](Self::backward) that puts the gradient where `x` was.
    pub(crate) fn backward_here<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &mut [F],
        dy: &[F],
    ) {
        pass.show(self.site, Symbol::D, rows, dy);
        self.backward_weights(pass, x, dy, None);
        self.backward_input(pass, dy, x, Into::Fresh);
    }

    /// [`backward_fresh`](Self::backward_fresh) for a weight that others use
    /// too; `shared` is the gradient that they have collected.
    pub(crate) fn backward_shared<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        dy: &[F],
        shared: Option<Vec<F>>,
    ) -> Vec<F> {
        let dx = self.backward_input_fresh(pass, rows, dy);
        self.backward_weights(pass, x, dy, shared);
        dx
    }

    /// [`backward`](Self::backward) where `x` is fixed and needs no gradient.
    pub(crate) fn backward_fixed<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        dy: &[F],
    ) {
        pass.show(self.site, Symbol::D, rows, dy);
        self.backward_weights(pass, x, dy, None);
    }

    /// The first half of [`backward_fresh`](Self::backward_fresh), for inputs
    /// that are computed again meanwhile. Shows D.
    pub(crate) fn backward_input_fresh<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        dy: &[F],
    ) -> Vec<F> {
        pass.show(self.site, Symbol::D, rows, dy);
        let mut dx = pass.take(rows.count() * self.inputs);
        self.backward_input(pass, dy, &mut dx, Into::Fresh);
        dx
    }

    /// The second half. Shows the weight and the bias; `shared` is the gradient
    /// that others have collected.
    pub(crate) fn backward_weights<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        x: &[F],
        dy: &[F],
        shared: Option<Vec<F>>,
    ) {
        let (left, right) = (
            Matrix::new(dy, self.outputs).transposed(),
            Matrix::new(x, self.inputs),
        );
        if shared.is_none() && pass.takes_bands(self.weight, self.site) {
            pass.show_product_in_bands(self.weight, self.site, left, right);
        } else {
            let (mut gradient, into) = match shared {
                Some(shared) => (shared, Into::Sum),
                None => (pass.gradient(self.weight), Into::Fresh),
            };
            let whole = MatrixMut::new(&mut gradient, self.inputs);
            product(pass.threads, whole, into, F::one(), left, right);
            pass.show_gradient(self.weight, Some(self.site), gradient);
        }
        if let Some(bias) = self.bias {
            let mut gradient = pass.zeroed(self.outputs);
            add_column_sums(pass.threads, &mut gradient, dy);
            pass.scale_constants(&mut gradient);
            pass.show_gradient(bias, None, gradient);
        }
    }

    fn backward_input<F: Real>(&self, pass: &mut Pass<'_, F>, dy: &[F], dx: &mut [F], into: Into) {
        let weight = Matrix::new(pass.weight(self.weight), self.inputs);
        let dy = Matrix::new(dy, self.outputs);
        mapped(pass, (dx, self.inputs), into, dy, weight);
    }
}

/// `y = x weight`, or `+=`; rows of `y` start `stride` apart.
pub(super) fn mapped<F: Real>(
    pass: &mut Pass<'_, F>,
    (y, stride): (&mut [F], usize),
    into: Into,
    x: Matrix<'_, F>,
    weight: Matrix<'_, F>,
) {
    let (rows, outputs) = (x.height(), weight.width());
    if is_lopsided(x, weight) {
        let mut turned = pass.take(rows * outputs);
        lopsided_product(pass.threads, (y, stride), into, x, weight, &mut turned);
        pass.give([turned]);
    } else {
        let y = MatrixMut::strided(y, rows, outputs, stride);
        product(pass.threads, y, into, F::one(), x, weight);
    }
}
