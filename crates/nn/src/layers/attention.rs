//! Multi-head softmax attention (Vaswani et al. 2017), plain or weighted.

use super::block_site;
use super::linear::Linear;
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::kernels::softmax::{causal_softmax_rows, softmax_rows, softmax_rows_backward};
use crate::kernels::threads::{self, Read, Threads, Write};
use crate::parameters::Declarations;
use crate::pass::{Pass, Rows};
use crate::{Real, Role, Site, Symbol};

/// The part without weights: `softmax(q k^T / sqrt(d)) v` per head of width d.
///
/// Probabilities are never kept: the backward pass computes them again, block
/// by block of queries, which costs a fifth of the arithmetic and saves the
/// largest buffer of a layer. Blocks of a causal network leave out the keys
/// that none of their queries sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) site: Site,
    pub(super) heads: usize,
    /// Of all heads together.
    pub(super) width: usize,
    pub(super) causal: bool,
}

/// Queries, keys and values, each (batch, positions, width).
pub(super) struct HeadsCache<F> {
    pub(super) q: Vec<F>,
    pub(super) k: Vec<F>,
    pub(super) v: Vec<F>,
}

/// Queries of one block, small enough that scores stay in the second-level
/// cache, and for a causal network that little is computed in vain.
const CAUSAL_BLOCK: usize = 64;
const BLOCK: usize = 256;

/// Some queries of one head and the keys that they see.
#[derive(Clone, Copy)]
struct Block {
    /// Queries.
    first: usize,
    count: usize,
    /// Keys, from position 0 on.
    keys: usize,
}

impl Heads {
    fn scale<F: Real>(&self) -> F {
        F::of(1.0 / (self.head_width() as f64).sqrt())
    }

    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Queries of one block in sequences of so many positions.
    fn block(&self, positions: usize) -> usize {
        let block = if self.causal { CAUSAL_BLOCK } else { BLOCK };
        block.min(positions)
    }

    /// The blocks of one head, last queries first: the first one visited sees
    /// all keys.
    fn blocks(self, positions: usize) -> impl Iterator<Item = Block> {
        let block = self.block(positions);
        (0..positions.div_ceil(block)).rev().map(move |i| {
            let first = i * block;
            let count = block.min(positions - first);
            let keys = if self.causal {
                first + count
            } else {
                positions
            };
            Block { first, count, keys }
        })
    }

    /// The rows of one head in a sequence (positions, width).
    fn rows<'a, F>(
        &self,
        sequence: &'a [F],
        head: usize,
        first: usize,
        count: usize,
    ) -> Matrix<'a, F> {
        let offset = first * self.width + head * self.head_width();
        Matrix::strided(&sequence[offset..], count, self.head_width(), self.width)
    }

    fn rows_mut<'a, F>(
        &self,
        sequence: &'a mut [F],
        head: usize,
        first: usize,
        count: usize,
    ) -> MatrixMut<'a, F> {
        let offset = first * self.width + head * self.head_width();
        MatrixMut::strided(
            &mut sequence[offset..],
            count,
            self.head_width(),
            self.width,
        )
    }

    /// Probabilities of one block of queries, (queries, positions); those of
    /// unseen keys are 0.
    fn probabilities<F: Real>(
        &self,
        threads: Threads,
        block: Block,
        head: usize,
        (q, k): (&[F], &[F]),
        probabilities: &mut [F],
    ) {
        let positions = probabilities.len() / block.count;
        product(
            threads,
            MatrixMut::strided(probabilities, block.count, block.keys, positions),
            Into::Fresh,
            self.scale(),
            self.rows(q, head, block.first, block.count),
            self.rows(k, head, 0, block.keys).transposed(),
        );
        match self.causal {
            true => causal_softmax_rows(probabilities, positions, block.first),
            false => softmax_rows(threads, probabilities, positions),
        }
    }

    /// Runs `work` on blocks of sequences: side by side where there are enough
    /// of them, else one after the other on all threads.
    fn for_sequences<R: threads::Rows>(
        &self,
        threads: Threads,
        rows: Rows,
        tensors: R,
        work: impl Fn(Threads, R) + Sync,
    ) {
        if rows.batch < threads.count() {
            return work(threads, tensors);
        }
        let cost = rows.positions * rows.positions * self.width;
        threads.for_rows(rows.batch, cost, tensors, |some| work(Threads::ONE, some));
    }

    /// The context, (batch, positions, width). Shows S, where it is wanted, and
    /// A.
    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        q: Vec<F>,
        k: Vec<F>,
        v: Vec<F>,
    ) -> (Vec<F>, HeadsCache<F>) {
        let t = rows.positions;
        let sequence = t * self.width;
        let whole = pass.wants(self.site, Symbol::S);
        let scratch = match whole {
            true => self.heads * t * t,
            false => self.block(t) * t,
        };
        let mut probabilities = pass.take(rows.batch * scratch);
        let mut context = pass.take(q.len());
        let tensors = (
            (Read(&q, sequence), Read(&k, sequence)),
            Read(&v, sequence),
            Write(&mut probabilities, scratch),
            Write(&mut context, sequence),
        );
        self.for_sequences(pass.threads, rows, tensors, |threads, ((q, k), v, p, y)| {
            let inputs = (q.0.chunks_exact(sequence)).zip(k.0.chunks_exact(sequence));
            let inputs = inputs.zip(v.0.chunks_exact(sequence));
            let outputs = (p.0.chunks_exact_mut(scratch)).zip(y.0.chunks_exact_mut(sequence));
            for (((q, k), v), (scratch, context)) in inputs.zip(outputs) {
                for head in 0..self.heads {
                    for block in self.blocks(t) {
                        let start = if whole {
                            (head * t + block.first) * t
                        } else {
                            0
                        };
                        let p = &mut scratch[start..][..block.count * t];
                        self.probabilities(threads, block, head, (q, k), p);
                        product(
                            threads,
                            self.rows_mut(context, head, block.first, block.count),
                            Into::Fresh,
                            F::one(),
                            Matrix::strided(p, block.count, block.keys, t),
                            self.rows(v, head, 0, block.keys),
                        );
                    }
                }
            }
        });
        if whole {
            let shape = [rows.batch, self.heads, t, t];
            pass.show_as(self.site, Symbol::S, &shape, &probabilities);
        }
        pass.give([probabilities]);
        pass.show(self.site, Symbol::A, rows, &context);
        (context, HeadsCache { q, k, v })
    }

    /// Gradients with respect to queries, keys and values, and the context once
    /// more, where it was not kept. Shows D.
    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: &HeadsCache<F>,
        dcontext: &[F],
        context: Option<&mut [F]>,
    ) -> [Vec<F>; 3] {
        pass.show(self.site, Symbol::D, rows, dcontext);
        let t = rows.positions;
        let sequence = t * self.width;
        let block = self.block(t) * t;
        let [mut dq, mut dk, mut dv] = [(); 3].map(|()| pass.take(dcontext.len()));
        // Probabilities of a block, and the gradient with respect to them.
        let mut scratch = pass.take(rows.batch * 2 * block);
        let tensors = (
            (Read(&cache.q, sequence), Read(&cache.k, sequence)),
            (Read(&cache.v, sequence), Read(dcontext, sequence)),
            (Write(&mut dq, sequence), Write(&mut dk, sequence)),
            (
                Write(&mut dv, sequence),
                Write(&mut scratch, 2 * block),
                context.map(|context| Write(context, sequence)),
            ),
        );
        self.for_sequences(pass.threads, rows, tensors, |threads, tensors| {
            let ((q, k), (v, dcontext), (dq, dk), (dv, scratch, mut context)) = tensors;
            for i in 0..q.0.len() / sequence {
                let own = i * sequence..(i + 1) * sequence;
                let (p, dp) = scratch.0[i * 2 * block..][..2 * block].split_at_mut(block);
                self.backward_sequence(
                    threads,
                    [q.0, k.0, v.0, dcontext.0].map(|x| &x[own.clone()]),
                    [
                        &mut dq.0[own.clone()],
                        &mut dk.0[own.clone()],
                        &mut dv.0[own.clone()],
                    ],
                    [p, dp],
                    context.as_mut().map(|context| &mut context.0[own]),
                );
            }
        });
        pass.give([scratch]);
        [dq, dk, dv]
    }

    /// [`backward`](Self::backward) of one sequence; all tensors are
    /// (positions, width).
    fn backward_sequence<F: Real>(
        &self,
        threads: Threads,
        [q, k, v, dcontext]: [&[F]; 4],
        [dq, dk, dv]: [&mut [F]; 3],
        [p, dp]: [&mut [F]; 2],
        mut context: Option<&mut [F]>,
    ) {
        let t = q.len() / self.width;
        for head in 0..self.heads {
            for block in self.blocks(t) {
                let Block { first, count, keys } = block;
                let (p, dp) = (&mut p[..count * t], &mut dp[..count * t]);
                // The block that comes first writes the gradient of every key.
                let into = if first + count == t {
                    Into::Fresh
                } else {
                    Into::Sum
                };
                self.probabilities(threads, block, head, (q, k), p);
                if let Some(context) = &mut context {
                    product(
                        threads,
                        self.rows_mut(context, head, first, count),
                        Into::Fresh,
                        F::one(),
                        Matrix::strided(p, count, keys, t),
                        self.rows(v, head, 0, keys),
                    );
                }
                let dcontext = self.rows(dcontext, head, first, count);
                product(
                    threads,
                    self.rows_mut(dv, head, 0, keys),
                    into,
                    F::one(),
                    Matrix::strided(p, count, keys, t).transposed(),
                    dcontext,
                );
                product(
                    threads,
                    MatrixMut::strided(dp, count, keys, t),
                    Into::Fresh,
                    F::one(),
                    dcontext,
                    self.rows(v, head, 0, keys).transposed(),
                );
                if keys < t {
                    dp.chunks_exact_mut(t)
                        .for_each(|row| row[keys..].fill(F::zero()));
                }
                softmax_rows_backward(threads, p, dp, t, self.scale());
                product(
                    threads,
                    self.rows_mut(dq, head, first, count),
                    Into::Fresh,
                    F::one(),
                    Matrix::strided(dp, count, keys, t),
                    self.rows(k, head, 0, keys),
                );
                product(
                    threads,
                    self.rows_mut(dk, head, 0, keys),
                    into,
                    F::one(),
                    Matrix::strided(dp, count, keys, t).transposed(),
                    self.rows(q, head, first, count),
                );
            }
        }
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
}

impl<F> AttentionCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        let HeadsCache { q, k, v } = self.heads;
        [q, k, v].into_iter().chain(self.unweighted).collect()
    }
}

impl Attention {
    /// Declares the maps of block `layer`.
    pub(super) fn declare(
        declarations: &mut Declarations,
        layer: usize,
        width: usize,
        (heads, weighted, causal): (usize, bool, bool),
        [deviation, residual]: [f64; 2],
    ) -> Self {
        let mut map = |name: &str, role, bias| {
            let deviation = match role {
                Role::Out => residual,
                _ => deviation,
            };
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
        pass.give([context]);
        (y, AttentionCache { heads, unweighted })
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: AttentionCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let dcontext = self.out.backward_input_fresh(pass, rows, dy);
        let mut context = pass.take(dcontext.len());
        let [mut dq, dk, dv] =
            (self.heads).backward(pass, rows, &cache.heads, &dcontext, Some(&mut context));
        self.out.backward_weights(pass, &context, dy, None);
        pass.give([dcontext, context]);
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
