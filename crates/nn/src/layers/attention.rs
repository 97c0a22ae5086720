//! Multi-head softmax attention (Vaswani et al. 2017), plain or weighted.

use super::block_site;
use super::linear::Linear;
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::kernels::softmax::{causal_softmax_rows, softmax_rows, softmax_rows_backward};
use crate::parameters::Declarations;
use crate::pass::{Pass, Rows};
use crate::{Real, Role, Site, Symbol};

/// The part without weights: `softmax(q k^T / sqrt(d)) v` per head of width d.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) site: Site,
    pub(super) heads: usize,
    /// Of all heads together.
    pub(super) width: usize,
    pub(super) causal: bool,
}

/// Queries, keys, values (batch, positions, width), and probabilities (batch,
/// heads, positions, positions).
pub(super) struct HeadsCache<F> {
    pub(super) q: Vec<F>,
    pub(super) k: Vec<F>,
    pub(super) v: Vec<F>,
    pub(super) probabilities: Vec<F>,
}

impl Heads {
    fn scale<F: Real>(&self) -> F {
        F::of(1.0 / ((self.width / self.heads) as f64).sqrt())
    }

    /// Offsets of each head's first feature in an activation and of its
    /// (positions, positions) matrix.
    fn offsets(self, rows: Rows) -> impl Iterator<Item = (usize, usize)> {
        let Rows { batch, positions } = rows;
        let head_width = self.width / self.heads;
        (0..batch * self.heads).map(move |i| {
            let (b, h) = (i / self.heads, i % self.heads);
            (
                b * positions * self.width + h * head_width,
                i * positions * positions,
            )
        })
    }

    /// One head of an activation as a (positions, head width) matrix.
    fn head<'a, F>(&self, rows: Rows, activation: &'a [F], offset: usize) -> Matrix<'a, F> {
        let head_width = self.width / self.heads;
        Matrix::strided(
            &activation[offset..],
            rows.positions,
            head_width,
            self.width,
        )
    }

    fn head_mut<'a, F>(
        &self,
        rows: Rows,
        activation: &'a mut [F],
        offset: usize,
    ) -> MatrixMut<'a, F> {
        let head_width = self.width / self.heads;
        MatrixMut::strided(
            &mut activation[offset..],
            rows.positions,
            head_width,
            self.width,
        )
    }

    /// The context, (batch, positions, width). Shows S and A.
    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        q: Vec<F>,
        k: Vec<F>,
        v: Vec<F>,
    ) -> (Vec<F>, HeadsCache<F>) {
        let t = rows.positions;
        let mut probabilities = pass.take(rows.batch * self.heads * t * t);
        for (offset, square) in self.offsets(rows) {
            product(
                MatrixMut::new(&mut probabilities[square..][..t * t], t),
                Into::Fresh,
                self.scale(),
                self.head(rows, &q, offset),
                self.head(rows, &k, offset).transposed(),
            );
        }
        match self.causal {
            true => causal_softmax_rows(&mut probabilities, t),
            false => softmax_rows(&mut probabilities, t),
        }
        let shape = [rows.batch, self.heads, t, t];
        pass.show_as(self.site, Symbol::S, &shape, &probabilities);
        let mut context = pass.take(q.len());
        for (offset, square) in self.offsets(rows) {
            product(
                self.head_mut(rows, &mut context, offset),
                Into::Fresh,
                F::one(),
                Matrix::new(&probabilities[square..][..t * t], t),
                self.head(rows, &v, offset),
            );
        }
        pass.show(self.site, Symbol::A, rows, &context);
        let cache = HeadsCache {
            q,
            k,
            v,
            probabilities,
        };
        (context, cache)
    }

    /// Gradients with respect to queries, keys and values. Shows D.
    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: &HeadsCache<F>,
        dcontext: &[F],
    ) -> [Vec<F>; 3] {
        pass.show(self.site, Symbol::D, rows, dcontext);
        let t = rows.positions;
        let [mut dq, mut dk, mut dv] = [(); 3].map(|()| pass.take(dcontext.len()));
        let mut dscores = pass.take(t * t);
        for (offset, square) in self.offsets(rows) {
            let probabilities = &cache.probabilities[square..][..t * t];
            let dcontext = self.head(rows, dcontext, offset);
            product(
                self.head_mut(rows, &mut dv, offset),
                Into::Fresh,
                F::one(),
                Matrix::new(probabilities, t).transposed(),
                dcontext,
            );
            product(
                MatrixMut::new(&mut dscores, t),
                Into::Fresh,
                F::one(),
                dcontext,
                self.head(rows, &cache.v, offset).transposed(),
            );
            softmax_rows_backward(probabilities, &mut dscores, t, self.scale());
            product(
                self.head_mut(rows, &mut dq, offset),
                Into::Fresh,
                F::one(),
                Matrix::new(&dscores, t),
                self.head(rows, &cache.k, offset),
            );
            product(
                self.head_mut(rows, &mut dk, offset),
                Into::Fresh,
                F::one(),
                Matrix::new(&dscores, t).transposed(),
                self.head(rows, &cache.q, offset),
            );
        }
        pass.give([dscores]);
        [dq, dk, dv]
    }
}

/// Query, key and value maps, heads, and the map after them.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    weighting: Option<Linear>,
    heads: Heads,
    out: Linear,
}

pub(super) struct AttentionCache<F> {
    heads: HeadsCache<F>,
    /// The input of the weighting map, where there is one.
    unweighted: Option<Vec<F>>,
    context: Vec<F>,
}

impl Attention {
    /// Declares the maps of block `layer`.
    pub(super) fn declare(
        declarations: &mut Declarations,
        layer: usize,
        width: usize,
        (heads, weighted, causal): (usize, bool, bool),
        deviation: f64,
    ) -> Self {
        let mut map = |name: &str, role, bias| {
            Linear::declare(
                declarations,
                &format!("block.{layer}.{name}"),
                block_site(layer, role, 0),
                (width, width),
                bias,
                deviation,
            )
        };
        Attention {
            query: map("query", Role::Query, true),
            key: map("key", Role::Key, true),
            value: map("value", Role::Value, true),
            weighting: weighted.then(|| map("weighting", Role::Weighting, false)),
            heads: Heads {
                site: block_site(layer, Role::Attention, 0),
                heads,
                width,
                causal,
            },
            out: map("out", Role::Out, true),
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, AttentionCache<F>) {
        let mut q = self.query.forward(pass, rows, x);
        let k = self.key.forward(pass, rows, x);
        let v = self.value.forward(pass, rows, x);
        let unweighted = self.weighting.map(|weighting| {
            let weighted = weighting.forward(pass, rows, &q);
            std::mem::replace(&mut q, weighted)
        });
        let (context, heads) = self.heads.forward(pass, rows, q, k, v);
        let y = self.out.forward(pass, rows, &context);
        let cache = AttentionCache {
            heads,
            unweighted,
            context,
        };
        (y, cache)
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: AttentionCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let dcontext = self.out.backward_fresh(pass, rows, &cache.context, dy);
        let [mut dq, dk, dv] = self.heads.backward(pass, rows, &cache.heads, &dcontext);
        pass.give([dcontext, cache.context, cache.heads.probabilities]);
        pass.give([cache.heads.q, cache.heads.k, cache.heads.v]);
        if let (Some(weighting), Some(unweighted)) = (self.weighting, cache.unweighted) {
            let unweighted_dq = weighting.backward_fresh(pass, rows, &unweighted, &dq);
            pass.give([unweighted, std::mem::replace(&mut dq, unweighted_dq)]);
        }
        let mut dx = self.value.backward_fresh(pass, rows, x, &dv);
        self.key.backward(pass, rows, x, &dk, &mut dx, Into::Sum);
        self.query.backward(pass, rows, x, &dq, &mut dx, Into::Sum);
        pass.give([dq, dk, dv]);
        dx
    }
}
