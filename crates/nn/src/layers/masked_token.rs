//! The masked-token objective of BERT (Devlin et al. 2019): a dense map to
//! embedding width, GELU, LayerNorm, scores through the token table.

use lpzero_arch::{Activation, Architecture};

use super::linear::Linear;
use super::norm::Norm;
use super::{Embedding, SharedGradients, norm_index, outer_site};
use crate::kernels::activation;
use crate::kernels::elementwise::{add_column_sums, fill_rows};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::kernels::softmax::cross_entropy_rows;
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Role, Symbol};

#[derive(Clone, Debug)]
pub(crate) struct MaskedToken {
    dense: Linear,
    norm: Norm,
    table: ParameterId,
    bias: ParameterId,
    vocabulary: usize,
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
                architecture.norm_epsilon,
            ),
            table,
            bias: declarations.declare("objective.bias".into(), &[vocabulary], Initial::Zeros),
            vocabulary,
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
        let before = self.dense.forward(pass, rows, hidden);
        let mut after = pass.take(before.len());
        activation::forward(Activation::Gelu, &before, &mut after);
        let (x, statistics) = self.norm.forward(pass, rows, &after);

        let site = outer_site(Role::Head, 1);
        pass.show(site, Symbol::X, rows, &x);
        let mut logits = pass.take(targets.len() * self.vocabulary);
        fill_rows(&mut logits, pass.weight(self.bias));
        let table = Matrix::new(pass.weight(self.table), self.width);
        let input = Matrix::new(&x, self.width);
        product(
            MatrixMut::new(&mut logits, self.vocabulary),
            Into::Sum,
            F::one(),
            input,
            table.transposed(),
        );
        pass.show(site, Symbol::A, rows, &logits);
        let share = F::of(1.0 / targets.len() as f64);
        let loss = cross_entropy_rows(&mut logits, self.vocabulary, targets, share);

        let dlogits = logits;
        pass.show(site, Symbol::D, rows, &dlogits);
        let d = Matrix::new(&dlogits, self.vocabulary);
        let mut dtable = pass.zero_gradient(self.table);
        product(
            MatrixMut::new(&mut dtable, self.width),
            Into::Fresh,
            F::one(),
            d.transposed(),
            input,
        );
        shared.tables[0] = Some(dtable);
        let mut dx = pass.take(x.len());
        product(
            MatrixMut::new(&mut dx, self.width),
            Into::Fresh,
            F::one(),
            d,
            table,
        );
        let mut dbias = pass.zero_gradient(self.bias);
        add_column_sums(&mut dbias, &dlogits);
        pass.show_gradient(self.bias, None, dbias);
        pass.give([dlogits, x]);

        let mut dafter = self.norm.backward(pass, rows, &after, statistics, &dx);
        activation::backward(Activation::Gelu, &before, &mut dafter);
        let dhidden = self.dense.backward_fresh(pass, rows, hidden, &dafter);
        pass.give([before, after, dx, dafter]);
        (loss / targets.len() as f64, dhidden)
    }
}
