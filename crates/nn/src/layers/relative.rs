//! Relative multi-head attention (Transformer-XL, Dai et al. 2019, section 3.3).
//!
//! The score of query i and key j is that of two terms: `(q_i + u) k_j`, the
//! content, and `(q_i + v) W_R e(i - j)`, the distance, where `e` encodes it as
//! sines and cosines and u and v are weights of the block ("r_w_bias" and
//! "r_r_bias" in the code of the authors). No map has a bias.
//!
//! The memory is that of a first segment: empty. So keys are those of the
//! segment itself, and distances go from 0 to its length less one.

use super::attention::{Distances, Heads, HeadsInputs};
use super::linear::Linear;
use super::tensors::BlockTensors;
use crate::kernels::elementwise::{add, add_column_sums, fill_rows};
use crate::kernels::matrix::Into;
use crate::parameters::ParameterId;
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

/// The largest wavelength of the encoding, in units of 2 pi positions.
const LONGEST: f64 = 10_000.0;

/// Query, key and value maps, the key map of distances, heads, and the map after
/// them.
#[derive(Clone, Debug)]
pub(super) struct RelativeAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    relative_key: Linear,
    /// u, added to queries before they meet keys.
    content_bias: ParameterId,
    /// v, added to queries before they meet distances.
    position_bias: ParameterId,
    heads: Heads,
    out: Linear,
}

pub(super) struct RelativeAttentionCache<F> {
    /// (positions, width), the largest distance first.
    encoded: Vec<F>,
    heads: HeadsInputs<F>,
}

impl<F> RelativeAttentionCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        self.heads.into_buffers().chain([self.encoded]).collect()
    }
}

impl RelativeAttention {
    /// Declares the tensors of a block.
    pub(super) fn declare(tensors: &mut BlockTensors<'_>, heads: usize) -> Self {
        let (width, _) = tensors.sides(Role::Out, 0);
        let [query, key, value, relative_key, out] = [
            Role::Query,
            Role::Key,
            Role::Value,
            Role::RelativeKey,
            Role::Out,
        ]
        .map(|role| tensors.map(role));
        let [content_bias, position_bias] = tensors.biases(Role::Query);
        RelativeAttention {
            query,
            key,
            value,
            relative_key,
            content_bias,
            position_bias,
            heads: Heads {
                site: tensors.site(Role::Attention, 0),
                heads,
                group: 1,
                width,
                causal: true,
                window: None,
            },
            out,
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, RelativeAttentionCache<F>) {
        let q = self.query.forward(pass, rows, x);
        let k = self.key.forward(pass, rows, x);
        let v = self.value.forward(pass, rows, x);
        let mut encoded = pass.take(rows.positions * self.heads.width);
        encode(&mut encoded, self.heads.width);
        let keys = (self.relative_key).forward(pass, once(rows), &encoded);
        let mut biased = |bias| {
            let mut sum = pass.take(q.len());
            fill_rows(pass.threads, &mut sum, pass.weight(bias));
            pass.scale_constants(&mut sum);
            add(pass.threads, &mut sum, &q);
            sum
        };
        let [content, queries] = [self.content_bias, self.position_bias].map(&mut biased);
        pass.give([q]);
        let heads = HeadsInputs {
            q: content,
            k,
            v,
            distances: Some(Distances { queries, keys }),
        };
        let context = self.heads.forward(pass, rows, &heads);
        let y = self.out.forward(pass, rows, &context);
        pass.give([context]);
        (y, RelativeAttentionCache { encoded, heads })
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: RelativeAttentionCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let RelativeAttentionCache { encoded, heads } = cache;
        let dcontext = self.out.backward_input_fresh(pass, rows, dy);
        let mut context = pass.take(dcontext.len());
        let gradients = (self.heads).backward(pass, rows, &heads, &dcontext, Some(&mut context));
        self.out.backward_weights(pass, &context, dy, None);
        pass.give([dcontext, context]);
        heads.into_buffers().for_each(|buffer| pass.give([buffer]));

        let HeadsInputs {
            q: mut dq,
            k: dk,
            v: dv,
            distances,
        } = gradients;
        let bias = |pass: &mut Pass<'_, F>, bias, dq: &[F]| {
            let mut gradient = pass.zero_gradient(bias);
            add_column_sums(pass.threads, &mut gradient, dq);
            pass.scale_constants(&mut gradient);
            pass.show_gradient(bias, None, gradient);
        };
        bias(pass, self.content_bias, &dq);
        if let Some(Distances { queries, keys }) = distances {
            bias(pass, self.position_bias, &queries);
            add(pass.threads, &mut dq, &queries);
            (self.relative_key).backward_fixed(pass, once(rows), &encoded, &keys);
            pass.give([queries, keys]);
        }
        pass.give([encoded]);
        let mut dx = self.value.backward_fresh(pass, rows, x, &dv);
        self.key.backward(pass, rows, x, &dk, &mut dx, Into::Sum);
        self.query.backward(pass, rows, x, &dq, &mut dx, Into::Sum);
        pass.give([dq, dk, dv]);
        dx
    }
}

/// The rows of one sequence.
fn once(rows: Rows) -> Rows {
    Rows { batch: 1, ..rows }
}

/// Writes the encodings of distances, rows of `width`, the largest first and 0
/// last: sines in the first half of a row, cosines in the second, of wavelengths
/// in geometric progression.
fn encode<F: Real>(encoded: &mut [F], width: usize) {
    let half = width / 2;
    let frequencies: Vec<f64> = (0..half)
        .map(|i| LONGEST.powf(-(i as f64) / half as f64))
        .collect();
    let rows = encoded.chunks_exact_mut(width).rev();
    for (distance, row) in rows.enumerate() {
        let (sines, cosines) = row.split_at_mut(half);
        let waves = sines.iter_mut().zip(cosines).zip(&frequencies);
        for ((sine, cosine), frequency) in waves {
            let (s, c) = (distance as f64 * frequency).sin_cos();
            (*sine, *cosine) = (F::of(s), F::of(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_zero_stands_last_and_the_first_wave_is_the_shortest() {
        let mut encoded = [0.0f64; 12];
        encode(&mut encoded, 4);
        assert_eq!(encoded[8..], [0.0, 0.0, 1.0, 1.0]);
        let expected = [2f64.sin(), 0.02f64.sin(), 2f64.cos(), 0.02f64.cos()];
        for (found, expected) in encoded[..4].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15);
        }
    }
}
