//! LayerNorm and RMSNorm.

use lpzero_arch::NormKind;

use crate::kernels::norm::{layer_norm, layer_norm_backward, rms_norm, rms_norm_backward};
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Site, Symbol};

/// A norm over the features of each row, or, where it is narrower than the row, of
/// each head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    gain: ParameterId,
    /// There is none in an RMSNorm.
    bias: Option<ParameterId>,
    site: Site,
    epsilon: f64,
}

impl Norm {
    /// Declares `{name}.gain` and, for a LayerNorm, `{name}.bias`.
    pub(crate) fn declare(
        declarations: &mut Declarations,
        name: &str,
        site: Site,
        width: usize,
        (kind, epsilon): (NormKind, f64),
    ) -> Self {
        let mut vector =
            |part, initial| declarations.declare(format!("{name}.{part}"), &[width], initial);
        Norm {
            gain: vector("gain", Initial::Ones),
            bias: kind.is_layer().then(|| vector("bias", Initial::Zeros)),
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
        let (gain, epsilon) = (pass.weight(self.gain), F::of(self.epsilon));
        let rows = x.len() / width;
        let statistics = match self.bias {
            Some(bias) => {
                let mut statistics = pass.take(2 * rows);
                let weights = (gain, pass.weight(bias), epsilon);
                layer_norm(pass.threads, x, weights, &mut y, &mut statistics);
                statistics
            }
            None => {
                let mut roots = pass.take(rows);
                rms_norm(pass.threads, x, (gain, epsilon), &mut y, &mut roots);
                roots
            }
        };
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
        let mut bias = self.bias.map(|bias| pass.zero_gradient(bias));
        let (threads, weight) = (pass.threads, pass.weight(self.gain));
        match &mut bias {
            Some(bias) => {
                let gradients = (&mut *gain, &mut **bias);
                layer_norm_backward(threads, x, &statistics, weight, dy, &mut dx, gradients);
            }
            None => rms_norm_backward(threads, x, &statistics, weight, dy, &mut dx, &mut gain),
        }
        pass.show_gradient(self.gain, Some(self.site), gain);
        if let (Some(id), Some(gradient)) = (self.bias, bias) {
            pass.show_gradient(id, None, gradient);
        }
        pass.give([statistics]);
        dx
    }
}
