//! The masked-token objective of BERT (Devlin et al. 2019): a dense map to
//! embedding width, GELU, LayerNorm, scores through the token table.

use lpzero_arch::{Activation, Architecture, NormKind};

use super::classifier::{Classes, Gradient, cross_entropy};
use super::linear::Linear;
use super::norm::Norm;
use super::{Embedding, SharedGradients, norm_index, outer_site};
use crate::kernels::activation;
use crate::kernels::elementwise::multiply_by;
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

#[derive(Clone, Debug)]
pub(crate) struct MaskedToken {
    dense: Linear,
    norm: Norm,
    table: ParameterId,
    bias: ParameterId,
    /// E.
    width: usize,
}

impl MaskedToken {
    /// Declares what the objective does not share with the embedding.
    pub(crate) fn declare(
        declarations: &mut Declarations,
        architecture: &Architecture,
        embedding: &Embedding,
    ) -> Self {
        let (table, width) = embedding.table(0);
        let vocabulary = architecture.vocabulary;
        MaskedToken {
            dense: Linear::declare(
                declarations,
                "objective.dense",
                outer_site(Role::Head, 0),
                (architecture.width, width),
                true,
                architecture.initialisation.weight,
            ),
            norm: Norm::declare(
                declarations,
                "objective.norm",
                outer_site(Role::Norm, norm_index::OBJECTIVE.into()),
                width,
                (NormKind::Layer, architecture.norm_epsilon),
            ),
            table,
            bias: declarations.declare("objective.bias".into(), &[vocabulary], Initial::Zeros),
            width,
        }
    }

    /// Mean cross-entropy of the targets, one per row of `hidden` (masked
    /// positions, C), and its gradient with respect to `hidden`. The gradient
    /// of the token table goes to `shared`.
    pub(crate) fn loss<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        hidden: &[F],
        targets: &[u32],
        shared: &mut SharedGradients<F>,
    ) -> (f64, Vec<F>) {
        let rows = Rows::picked(targets.len());
        let mut before = self.dense.forward(pass, rows, hidden);
        let mut after = pass.take(before.len());
        activation::forward(pass.threads, Activation::Gelu, &before, &mut after);
        let (x, statistics) = self.norm.forward(pass, rows, &after);

        let site = outer_site(Role::Head, 1);
        let [mut dtable, mut dbias] = [self.table, self.bias].map(|id| pass.gradient(id));
        let mut tokens = [Classes {
            weight: (pass.weight(self.table), Gradient::Whole(&mut dtable)),
            bias: Some((pass.weight(self.bias), &mut dbias)),
        }];
        let share = 1.0 / targets.len() as f64;
        let (loss, dx) = cross_entropy(
            pass,
            (site, rows),
            (&x, self.width),
            &mut tokens,
            (targets, share),
            &mut vec![0.0; targets.len()],
        );
        shared.tables[0] = Some(dtable);
        pass.show_gradient(self.bias, None, dbias);
        pass.give([x]);

        let mut dafter = self.norm.backward(pass, rows, &after, statistics, &dx);
        activation::with_slope(pass.threads, Activation::Gelu, &mut before, &mut after);
        multiply_by(pass.threads, &mut dafter, &before);
        let dhidden = self.dense.backward_fresh(pass, rows, hidden, &dafter);
        pass.give([before, after, dx, dafter]);
        (loss * share, dhidden)
    }
}
