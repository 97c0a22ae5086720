//! Multi-head softmax attention (Vaswani et al. 2017), plain or weighted.

use super::linear::Linear;
use super::tensors::BlockTensors;
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::kernels::relative::{add_by_distance, by_distance};
use crate::kernels::softmax::{causal_softmax_rows, softmax_rows, softmax_rows_backward};
use crate::kernels::threads::{self, Read, Threads, Write};
use crate::pass::{Pass, Rows};
use crate::scale::Exponent;
use crate::{Real, Role, Site, Symbol};

/// The part without weights: `softmax(q k^T / sqrt(d)) v` per head of width d;
/// with distances, a second product joins `q k^T`.
///
/// Probabilities are never kept: the backward pass computes them again, block
/// by block of queries, which costs a fifth of the arithmetic and saves the
/// largest buffer of a layer. Blocks of a causal network leave out the keys
/// that none of their queries sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) site: Site,
    pub(super) heads: usize,
    /// How many heads of queries in a row read one head of keys and values.
    pub(super) group: usize,
    /// Width of all heads of queries together.
    pub(super) width: usize,
    pub(super) causal: bool,
    /// How many positions a query sees at most, its own the last. A causal network's.
    pub(super) window: Option<usize>,
}

/// Inputs of heads, kept for the backward pass, or the gradients with respect to them.
///
/// Queries, keys and values are each (batch, positions, width). Keys and values are narrower by
/// the size of a group.
pub(super) struct HeadsInputs<F> {
    pub(super) q: Vec<F>,
    pub(super) k: Vec<F>,
    pub(super) v: Vec<F>,
    /// Inputs of relative attention, beside queries, keys and values.
    pub(super) distances: Option<Distances<F>>,
}

/// Second queries, and keys of distances, for relative attention.
///
/// To the product of query i and key j they add that of second query i and the key of distance
/// i - j.
pub(super) struct Distances<F> {
    /// (batch, positions, width).
    pub(super) queries: Vec<F>,
    /// (positions, width), the largest distance first.
    pub(super) keys: Vec<F>,
}

impl<F> HeadsInputs<F> {
    pub(super) fn into_buffers(self) -> impl Iterator<Item = Vec<F>> {
        let distances = self.distances.map(|d| [d.queries, d.keys]);
        let plain = [self.q, self.k, self.v].into_iter();
        plain.chain(distances.into_iter().flatten())
    }
}

/// The inputs of one sequence, each (positions, its width).
#[derive(Clone, Copy)]
struct Sequence<'a, F> {
    q: &'a [F],
    k: &'a [F],
    v: &'a [F],
    /// Queries and keys.
    distances: Option<(&'a [F], &'a [F])>,
    factors: Factors<F>,
}

/// Factors of scores, and of the gradients with respect to them.
#[derive(Clone, Copy)]
struct Factors<F> {
    /// Factor of the products of queries and keys.
    content: F,
    /// Factor of those of second queries and keys of distances.
    distance: F,
    slope: F,
}

/// Where the gradients of one sequence go, each (positions, its width).
struct SequenceGradients<'a, F> {
    q: &'a mut [F],
    k: &'a mut [F],
    v: &'a mut [F],
    /// Queries and keys.
    distances: Option<(&'a mut [F], &'a mut [F])>,
    /// The context once more, where it is wanted.
    context: Option<&'a mut [F]>,
}

/// Queries of one block, small enough that scores stay in the second-level
/// cache, and for a causal network that little is computed in vain.
const CAUSAL_BLOCK: usize = 64;
const BLOCK: usize = 256;

/// Some queries of one head and the keys that they see.
#[derive(Clone, Copy)]
struct Tile {
    /// Queries.
    first: usize,
    count: usize,
    /// Keys, from position 0 on.
    keys: usize,
}

impl Heads {
    /// Factors of the scores of activations of this scale.
    fn factors<F: Real>(&self, exponent: Exponent) -> Factors<F> {
        let scale = F::of(1.0 / (self.head_width() as f64).sqrt());
        let content = scale * exponent.squared().of_scores();
        Factors {
            content,
            distance: content * exponent.of_constants(),
            slope: scale * exponent.slope(),
        }
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
    fn blocks(self, positions: usize) -> impl Iterator<Item = Tile> {
        let block = self.block(positions);
        (0..positions.div_ceil(block)).rev().map(move |i| {
            let first = i * block;
            let count = block.min(positions - first);
            let keys = if self.causal {
                first + count
            } else {
                positions
            };
            Tile { first, count, keys }
        })
    }

    /// Width of all heads of keys together.
    fn key_width(&self) -> usize {
        self.width / self.group
    }

    /// The rows of one head of queries in a sequence (positions, width).
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

    /// The first rows of the keys or values that a head of queries reads.
    fn read_rows<'a, F>(&self, sequence: &'a [F], head: usize, count: usize) -> Matrix<'a, F> {
        let offset = head / self.group * self.head_width();
        let (own, width) = (self.head_width(), self.key_width());
        Matrix::strided(&sequence[offset..], count, own, width)
    }

    fn read_rows_mut<'a, F>(
        &self,
        sequence: &'a mut [F],
        head: usize,
        count: usize,
    ) -> MatrixMut<'a, F> {
        let offset = head / self.group * self.head_width();
        let (own, width) = (self.head_width(), self.key_width());
        MatrixMut::strided(&mut sequence[offset..], count, own, width)
    }

    /// Probabilities of one block of queries, (queries, positions); those of
    /// unseen keys are 0. With distances, `scratch` has the same size.
    fn probabilities<F: Real>(
        &self,
        threads: Threads,
        block: Tile,
        head: usize,
        sequence: Sequence<'_, F>,
        (probabilities, scratch): (&mut [F], Option<&mut [F]>),
    ) {
        let Tile { first, count, keys } = block;
        let positions = probabilities.len() / count;
        product(
            threads,
            MatrixMut::strided(probabilities, count, keys, positions),
            Into::Fresh,
            sequence.factors.content,
            self.rows(sequence.q, head, first, count),
            self.read_rows(sequence.k, head, keys).transposed(),
        );
        if let (Some((queries, distances)), Some(scratch)) = (sequence.distances, scratch) {
            let scores = &mut scratch[..count * keys];
            product(
                threads,
                MatrixMut::new(scores, keys),
                Into::Fresh,
                sequence.factors.distance,
                self.rows(queries, head, first, count),
                self.rows(distances, head, positions - keys, keys)
                    .transposed(),
            );
            add_by_distance(probabilities, positions, scores, keys);
        }
        if let Some(window) = self.window {
            hide_before(probabilities, positions, first, window);
        }
        match self.causal {
            true => causal_softmax_rows(probabilities, positions, first),
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
        inputs: &HeadsInputs<F>,
    ) -> Vec<F> {
        let HeadsInputs { q, k, v, distances } = inputs;
        let factors = self.factors(pass.exponent);
        let t = rows.positions;
        let (sequence, keys) = (t * self.width, t * self.key_width());
        let block = self.block(t) * t;
        let whole = pass.wants(self.site, Symbol::S);
        let kept = if whole { self.heads * t * t } else { block };
        let mut probabilities = pass.take(rows.batch * kept);
        let mut scratch = distances.as_ref().map(|_| pass.take(rows.batch * block));
        let mut context = pass.take(q.len());
        let tensors = (
            (Read(q, sequence), Read(k, keys), Read(v, keys)),
            distances.as_ref().map(|d| Read(&d.queries, sequence)),
            (
                Write(&mut probabilities, kept),
                scratch.as_mut().map(|scratch| Write(scratch, block)),
            ),
            Write(&mut context, sequence),
        );
        self.for_sequences(pass.threads, rows, tensors, |threads, tensors| {
            let ((q, k, v), queries, (p, mut scratch), y) = tensors;
            for i in 0..q.0.len() / sequence {
                let own = i * sequence..(i + 1) * sequence;
                let read = i * keys..(i + 1) * keys;
                let inputs = Sequence {
                    q: &q.0[own.clone()],
                    k: &k.0[read.clone()],
                    v: &v.0[read.clone()],
                    distances: (queries.zip(distances.as_ref()))
                        .map(|(queries, d)| (&queries.0[own.clone()], &*d.keys)),
                    factors,
                };
                let (p, context) = (&mut p.0[i * kept..][..kept], &mut y.0[own]);
                let mut scratch = scratch.as_mut().map(|s| &mut s.0[i * block..][..block]);
                for head in 0..self.heads {
                    for block in self.blocks(t) {
                        let start = if whole {
                            (head * t + block.first) * t
                        } else {
                            0
                        };
                        let p = &mut p[start..][..block.count * t];
                        let buffers = (&mut *p, scratch.as_deref_mut());
                        self.probabilities(threads, block, head, inputs, buffers);
                        product(
                            threads,
                            self.rows_mut(context, head, block.first, block.count),
                            Into::Fresh,
                            F::one(),
                            Matrix::strided(p, block.count, block.keys, t),
                            self.read_rows(inputs.v, head, block.keys),
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
        scratch.into_iter().for_each(|scratch| pass.give([scratch]));
        pass.show(self.site, Symbol::A, rows, &context);
        context
    }

    /// Gradients with respect to the inputs, and the context once more, where it
    /// was not kept. Shows D.
    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        inputs: &HeadsInputs<F>,
        dcontext: &[F],
        context: Option<&mut [F]>,
    ) -> HeadsInputs<F> {
        pass.show(self.site, Symbol::D, rows, dcontext);
        let distances = inputs.distances.as_ref();
        let factors = self.factors(pass.exponent);
        let t = rows.positions;
        let (sequence, keys) = (t * self.width, t * self.key_width());
        let block = self.block(t) * t;
        let inputs_of = [&inputs.q, &inputs.k, &inputs.v];
        let [mut dq, mut dk, mut dv] = inputs_of.map(|input| pass.take(input.len()));
        // Keys of distances serve all sequences; their gradients are summed after
        // all of them are there, which fixes the order.
        let mut ddistances = distances.map(|_| [(); 2].map(|()| pass.take(dcontext.len())));
        // Probabilities of a block, the gradient with respect to them, and, with
        // distances, scores by distance.
        let size = if distances.is_some() { 3 } else { 2 } * block;
        let mut scratch = pass.take(rows.batch * size);
        let tensors = (
            (
                Read(&inputs.q, sequence),
                Read(&inputs.k, keys),
                Read(&inputs.v, keys),
                distances.map(|d| Read(&d.queries, sequence)),
            ),
            (
                Write(&mut dq, sequence),
                Write(&mut dk, keys),
                Write(&mut dv, keys),
                (ddistances.as_mut())
                    .map(|[queries, keys]| (Write(queries, sequence), Write(keys, sequence))),
            ),
            (
                Write(&mut scratch, size),
                context.map(|context| Write(context, sequence)),
            ),
            Read(dcontext, sequence),
        );
        self.for_sequences(pass.threads, rows, tensors, |threads, tensors| {
            let ((q, k, v, queries), (dq, dk, dv, mut dd), (scratch, mut context), dcontext) =
                tensors;
            for i in 0..q.0.len() / sequence {
                let own = i * sequence..(i + 1) * sequence;
                let read = i * keys..(i + 1) * keys;
                let (p, rest) = scratch.0[i * size..][..size].split_at_mut(block);
                let (dp, by_distance) = rest.split_at_mut(block);
                let inputs = Sequence {
                    q: &q.0[own.clone()],
                    k: &k.0[read.clone()],
                    v: &v.0[read.clone()],
                    distances: (queries.zip(distances))
                        .map(|(queries, d)| (&queries.0[own.clone()], &*d.keys)),
                    factors,
                };
                let gradients = SequenceGradients {
                    q: &mut dq.0[own.clone()],
                    k: &mut dk.0[read.clone()],
                    v: &mut dv.0[read.clone()],
                    distances: dd.as_mut().map(|(queries, keys)| {
                        (&mut queries.0[own.clone()], &mut keys.0[own.clone()])
                    }),
                    context: context.as_mut().map(|context| &mut context.0[own.clone()]),
                };
                let dcontext = &dcontext.0[own];
                self.backward_sequence(threads, inputs, dcontext, gradients, [p, dp, by_distance]);
            }
        });
        pass.give([scratch]);
        let ddistances = ddistances.map(|each| summed_distances(pass, each, sequence));
        HeadsInputs {
            q: dq,
            k: dk,
            v: dv,
            distances: ddistances,
        }
    }

    /// [`backward`](Self::backward) of one sequence.
    fn backward_sequence<F: Real>(
        &self,
        threads: Threads,
        inputs: Sequence<'_, F>,
        dcontext: &[F],
        mut gradients: SequenceGradients<'_, F>,
        [p, dp, scratch]: [&mut [F]; 3],
    ) {
        let t = inputs.q.len() / self.width;
        for head in 0..self.heads {
            for block in self.blocks(t) {
                let Tile { first, count, keys } = block;
                let (p, dp) = (&mut p[..count * t], &mut dp[..count * t]);
                let into = self.first_or_sum(head, block, t);
                let buffers = (&mut *p, Some(&mut *scratch));
                self.probabilities(threads, block, head, inputs, buffers);
                if let Some(context) = &mut gradients.context {
                    product(
                        threads,
                        self.rows_mut(context, head, first, count),
                        Into::Fresh,
                        F::one(),
                        Matrix::strided(p, count, keys, t),
                        self.read_rows(inputs.v, head, keys),
                    );
                }
                let dcontext = self.rows(dcontext, head, first, count);
                product(
                    threads,
                    self.read_rows_mut(gradients.v, head, keys),
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
                    self.read_rows(inputs.v, head, keys).transposed(),
                );
                if keys < t {
                    dp.chunks_exact_mut(t)
                        .for_each(|row| row[keys..].fill(F::zero()));
                }
                softmax_rows_backward(threads, p, dp, t, inputs.factors.slope);
                product(
                    threads,
                    self.rows_mut(gradients.q, head, first, count),
                    Into::Fresh,
                    F::one(),
                    Matrix::strided(dp, count, keys, t),
                    self.read_rows(inputs.k, head, keys),
                );
                product(
                    threads,
                    self.read_rows_mut(gradients.k, head, keys),
                    into,
                    F::one(),
                    Matrix::strided(dp, count, keys, t).transposed(),
                    self.rows(inputs.q, head, first, count),
                );
                if let (Some(distances), Some((dqueries, dkeys))) =
                    (inputs.distances, &mut gradients.distances)
                {
                    let gradients = (&mut **dqueries, &mut **dkeys);
                    let scores = (&*dp, &mut *scratch);
                    self.backward_distances(threads, (head, block), scores, distances, gradients);
                }
            }
        }
    }

    /// The gradients of one block of queries with respect to the queries and the keys
    /// of distances, from that of its scores.
    fn backward_distances<F: Real>(
        &self,
        threads: Threads,
        (head, block): (usize, Tile),
        (dscores, scratch): (&[F], &mut [F]),
        (queries, distances): (&[F], &[F]),
        (dqueries, ddistances): (&mut [F], &mut [F]),
    ) {
        let Tile { first, count, keys } = block;
        let t = dscores.len() / count;
        let into = self.first_or_sum(head, block, t);
        let scores = &mut scratch[..count * keys];
        by_distance(dscores, t, scores, keys);
        product(
            threads,
            self.rows_mut(dqueries, head, first, count),
            Into::Fresh,
            F::one(),
            Matrix::new(scores, keys),
            self.rows(distances, head, t - keys, keys),
        );
        product(
            threads,
            self.rows_mut(ddistances, head, t - keys, keys),
            into,
            F::one(),
            Matrix::new(scores, keys).transposed(),
            self.rows(queries, head, first, count),
        );
    }

    /// Whether a product writes the gradient of keys or adds to it.
    ///
    /// The last tile of queries comes first. With the first head of a group it writes the
    /// gradient of every key; the others add to it.
    fn first_or_sum(&self, head: usize, block: Tile, positions: usize) -> Into {
        match block.first + block.count == positions && head.is_multiple_of(self.group) {
            true => Into::Fresh,
            false => Into::Sum,
        }
    }
}

/// Hides the keys that stand before the window of their query. The first row of scores is
/// of query `first`.
fn hide_before<F: Real>(scores: &mut [F], positions: usize, first: usize, window: usize) {
    for (query, row) in scores.chunks_exact_mut(positions).enumerate() {
        let hidden = (first + query + 1).saturating_sub(window);
        row[..hidden].fill(F::of(f64::NEG_INFINITY));
    }
}

/// Gradients with respect to queries, and to keys, summed over sequences.
fn summed_distances<F: Real>(
    pass: &mut Pass<'_, F>,
    [queries, each]: [Vec<F>; 2],
    sequence: usize,
) -> Distances<F> {
    let mut keys = pass.zeroed(sequence);
    add_column_sums(pass.threads, &mut keys, &each);
    pass.give([each]);
    Distances { queries, keys }
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
    heads: HeadsInputs<F>,
    /// The input of the weighting map, where there is one.
    unweighted: Option<Vec<F>>,
}

impl<F> AttentionCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        self.heads.into_buffers().chain(self.unweighted).collect()
    }
}

impl Attention {
    /// Declares the maps of a block.
    pub(super) fn declare(
        tensors: &mut BlockTensors<'_>,
        heads: usize,
        weighted: bool,
        causal: bool,
    ) -> Self {
        let (width, _) = tensors.sides(Role::Out, 0);
        Attention {
            query: tensors.map(Role::Query),
            key: tensors.map(Role::Key),
            value: tensors.map(Role::Value),
            weighting: weighted.then(|| tensors.map(Role::Weighting)),
            heads: Heads {
                site: tensors.site(Role::Attention, 0),
                heads,
                group: 1,
                width,
                causal,
                window: None,
            },
            out: tensors.map(Role::Out),
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
        let heads = HeadsInputs {
            q,
            k,
            v,
            distances: None,
        };
        let context = self.heads.forward(pass, rows, &heads);
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
        let gradients =
            (self.heads).backward(pass, rows, &cache.heads, &dcontext, Some(&mut context));
        let HeadsInputs {
            q: mut dq,
            k: dk,
            v: dv,
            ..
        } = gradients;
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
