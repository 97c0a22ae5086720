//! LayerNorm.

use crate::kernels::norm::{layer_norm, layer_norm_backward};
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Site, Symbol};

/// LayerNorm over the features of each row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    gain: ParameterId,
    bias: ParameterId,
    site: Site,
    epsilon: f64,
}

impl Norm {
    /// Declares `{name}.gain` and `{name}.bias`.
    pub(crate) fn declare(
        declarations: &mut Declarations,
        name: &str,
        site: Site,
        width: usize,
        epsilon: f64,
    ) -> Self {
        Norm {
            gain: declarations.declare(format!("{name}.gain"), &[width], Initial::Ones),
            bias: declarations.declare(format!("{name}.bias"), &[width], Initial::Zeros),
            site,
            epsilon,
        }
    }

    /// The normalised rows, and the statistics that `backward` needs; in a pass
    /// that is not normalised, the rows as they are. Shows A.
    pub(crate) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, Vec<F>) {
        let (y, statistics) = self.apply(pass, x);
        pass.show(self.site, Symbol::A, rows, &y);
        (y, statistics)
    }

    /// [`forward`](Self::forward), once more and unseen.
    pub(crate) fn apply<F: Real>(&self, pass: &mut Pass<'_, F>, x: &[F]) -> (Vec<F>, Vec<F>) {
        let width = pass.weight(self.gain).len();
        let mut y = pass.take(x.len());
        if !pass.normalised {
            y.copy_from_slice(x);
            return (y, Vec::new());
        }
        let mut statistics = pass.take(2 * x.len() / width);
        layer_norm(
            pass.threads,
            x,
            (
                pass.weight(self.gain),
                pass.weight(self.bias),
                F::of(self.epsilon),
            ),
            &mut y,
            &mut statistics,
        );
        (y, statistics)
    }

    /// The gradient with respect to `x`. Shows D, and gain and bias where the
    /// pass is normalised.
    pub(crate) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        statistics: Vec<F>,
        dy: &[F],
    ) -> Vec<F> {
        pass.show(self.site, Symbol::D, rows, dy);
        let mut dx = pass.take(x.len());
        if !pass.normalised {
            dx.copy_from_slice(dy);
            return dx;
        }
        let mut gain = pass.zero_gradient(self.gain);
        let mut bias = pass.zero_gradient(self.bias);
        layer_norm_backward(
            pass.threads,
            x,
            &statistics,
            pass.weight(self.gain),
            dy,
            &mut dx,
            (&mut gain, &mut bias),
        );
        pass.show_gradient(self.gain, Some(self.site), gain);
        pass.show_gradient(self.bias, None, bias);
        pass.give([statistics]);
        dx
    }
}
