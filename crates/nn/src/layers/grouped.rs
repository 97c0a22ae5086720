//! Grouped attention with rotary positions, as in LLaMA and its descendants:
//! several heads of queries read one head of keys and values (Ainslie et al. 2023),
//! and scores depend on positions because both are turned by the angles of theirs
//! (Su et al. 2021, "RoFormer").

use lpzero_arch::{GroupedAttention as Description, Rotary};

use super::attention::{Heads, HeadsInputs};
use super::linear::Linear;
use super::norm::Norm;
use super::tensors::BlockTensors;
use crate::kernels::matrix::Into;
use crate::kernels::rotary::{rotate, rotate_back};
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

/// Indices of the norms of queries and of keys.
const QUERY_NORM: u16 = 2;
const KEY_NORM: u16 = 3;

/// Query, key and value maps, norms of queries and keys, heads, and the map after
/// them.
#[derive(Clone, Debug)]
pub(super) struct GroupedAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    /// Norms of queries and of keys.
    norms: Option<[Norm; 2]>,
    rotary: Rotary,
    head_width: usize,
    key_width: usize,
    heads: Heads,
    out: Linear,
}

pub(super) struct GroupedAttentionCache<F> {
    /// (positions, head width), cosines and sines.
    turns: Vec<F>,
    /// Queries and keys are turned.
    heads: HeadsInputs<F>,
    /// Queries and keys before their norms, and the statistics of these.
    before_norms: Option<[(Vec<F>, Vec<F>); 2]>,
}

impl<F> GroupedAttentionCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        let before = self.before_norms.into_iter().flatten();
        let before = before.flat_map(|(x, statistics)| [x, statistics]);
        let heads = self.heads.into_buffers().chain([self.turns]);
        heads.chain(before).collect()
    }
}

impl GroupedAttention {
    /// Declares the tensors of a block.
    pub(super) fn declare(
        tensors: &mut BlockTensors<'_>,
        description: &Description,
        causal: bool,
    ) -> Self {
        let [query, key, value, out] =
            [Role::Query, Role::Key, Role::Value, Role::Out].map(|role| tensors.map(role));
        let norms = [QUERY_NORM, KEY_NORM].map(|index| tensors.norm(index));
        let norms = match norms {
            [Some(of_queries), Some(of_keys)] => Some([of_queries, of_keys]),
            _ => None,
        };
        GroupedAttention {
            query,
            key,
            value,
            norms,
            rotary: description.rotary,
            head_width: description.head_width,
            key_width: description.keys(),
            heads: Heads {
                site: tensors.site(Role::Attention, 0),
                heads: description.heads,
                group: description.heads / description.key_value_heads,
                width: description.queries(),
                causal,
                window: description.window,
            },
            out,
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, GroupedAttentionCache<F>) {
        let mut q = self.query.forward(pass, rows, x);
        let mut k = self.key.forward(pass, rows, x);
        let v = self.value.forward(pass, rows, x);
        let before_norms = self.norms.map(|[of_queries, of_keys]| {
            let mut replace = |norm: Norm, x: &mut Vec<F>| {
                let (y, statistics) = norm.forward(pass, rows, x);
                (std::mem::replace(x, y), statistics)
            };
            [replace(of_queries, &mut q), replace(of_keys, &mut k)]
        });
        let mut turns = pass.take(rows.positions * self.head_width);
        write_turns(&mut turns, &self.rotary.frequencies(self.head_width));
        for (x, width) in [(&mut q, self.heads.width), (&mut k, self.key_width)] {
            rotate(pass.threads, x, width, &turns, self.head_width);
        }
        let heads = HeadsInputs {
            q,
            k,
            v,
            distances: None,
        };
        let context = self.heads.forward(pass, rows, &heads);
        let y = self.out.forward(pass, rows, &context);
        pass.give([context]);
        let cache = GroupedAttentionCache {
            turns,
            heads,
            before_norms,
        };
        (y, cache)
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: GroupedAttentionCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let GroupedAttentionCache {
            turns,
            heads,
            before_norms,
        } = cache;
        let dcontext = self.out.backward_input_fresh(pass, rows, dy);
        let mut context = pass.take(dcontext.len());
        let gradients = (self.heads).backward(pass, rows, &heads, &dcontext, Some(&mut context));
        self.out.backward_weights(pass, &context, dy, None);
        pass.give([dcontext, context]);
        heads.into_buffers().for_each(|buffer| pass.give([buffer]));

        let HeadsInputs {
            q: mut dq,
            k: mut dk,
            v: dv,
            ..
        } = gradients;
        for (d, width) in [(&mut dq, self.heads.width), (&mut dk, self.key_width)] {
            rotate_back(pass.threads, d, width, &turns, self.head_width);
        }
        pass.give([turns]);
        if let (Some(norms), Some(before)) = (self.norms, before_norms) {
            for ((norm, (x, statistics)), d) in
                norms.into_iter().zip(before).zip([&mut dq, &mut dk])
            {
                let dx = norm.backward(pass, rows, &x, statistics, d);
                pass.give([x, std::mem::replace(d, dx)]);
            }
        }
        let mut dx = self.value.backward_fresh(pass, rows, x, &dv);
        self.key.backward(pass, rows, x, &dk, &mut dx, Into::Sum);
        self.query.backward(pass, rows, x, &dq, &mut dx, Into::Sum);
        pass.give([dq, dk, dv]);
        dx
    }
}

/// Writes the cosines and then the sines of every position, one row each.
fn write_turns<F: Real>(turns: &mut [F], frequencies: &[f64]) {
    let half = frequencies.len();
    for (position, row) in turns.chunks_exact_mut(2 * half).enumerate() {
        let (cosines, sines) = row.split_at_mut(half);
        for ((cosine, sine), frequency) in cosines.iter_mut().zip(sines).zip(frequencies) {
            let (s, c) = (position as f64 * frequency).sin_cos();
            (*cosine, *sine) = (F::of(c), F::of(s));
        }
    }
}
