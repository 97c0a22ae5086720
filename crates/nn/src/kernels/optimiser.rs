//! The arithmetic of optimisers.

use super::dispatch::vectorised;
use super::elementwise::inner_product;
use super::threads::{Read, Threads, Write};
use crate::Real;

/// Elements of one partial sum of squares.
const CHUNK: usize = 1 << 14;

/// The constants of one AdamW update, of one tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamWUpdate<F> {
    /// Share of a weight that is left after decay.
    pub(crate) kept: F,
    /// Shares of the old moments in the new ones.
    pub(crate) betas: [F; 2],
    /// The learning rate over the bias correction of the first moment.
    pub(crate) rate: F,
    /// The root of the bias correction of the second moment.
    pub(crate) root_correction: F,
    /// Beside the root of the second moment.
    pub(crate) epsilon: F,
    /// Multiplies the gradient first.
    pub(crate) scale: F,
}

/// One update of weights `w` and moments `m`, `v` by a gradient `g`.
pub(crate) fn adamw<F: Real>(
    threads: Threads,
    w: &mut [F],
    g: &[F],
    [m, v]: [&mut [F]; 2],
    update: AdamWUpdate<F>,
) {
    let tensors = (Write(w, 1), Read(g, 1), Write(m, 1), Write(v, 1));
    threads.for_rows(g.len(), 4, tensors, |(w, g, m, v)| {
        adamw_here(w.0, g.0, m.0, v.0, update);
    });
}

/// Sum of the squares, in an order that does not depend on the threads.
pub(crate) fn sum_of_squares<F: Real>(threads: Threads, x: &[F]) -> f64 {
    let whole = x.len() / CHUNK * CHUNK;
    let (whole, rest) = x.split_at(whole);
    let mut sums = vec![0.0; whole.len() / CHUNK];
    let tensors = (Read(whole, CHUNK), Write(&mut sums, 1));
    threads.for_rows(whole.len() / CHUNK, CHUNK, tensors, |(x, sums)| {
        for (x, sum) in x.0.chunks_exact(CHUNK).zip(sums.0) {
            *sum = squares_here(x).to_f64();
        }
    });
    sums.into_iter().sum::<f64>() + squares_here(rest).to_f64()
}

vectorised! {
    /// [`adamw`] on the calling thread.
    fn adamw_here<F>(w: &mut [F], g: &[F], m: &mut [F], v: &mut [F], update: AdamWUpdate<F>) {
        let AdamWUpdate { kept, betas: [b1, b2], rate, root_correction, epsilon, scale } = update;
        let (fresh1, fresh2) = (F::one() - b1, F::one() - b2);
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m.iter_mut()).zip(v.iter_mut()) {
            let g = g * scale;
            *m = *m * b1 + g * fresh1;
            *v = *v * b2 + g * g * fresh2;
            *w = *w * kept - rate * *m / (v.sqrt() / root_correction + epsilon);
        }
    }

    /// Sum of the squares on the calling thread.
    fn squares_here<F>(x: &[F]) -> F {
        inner_product(x, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_cover_whole_chunks_and_the_rest() {
        for n in [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 17] {
            let x = vec![0.5f64; n];
            assert_eq!(sum_of_squares(Threads::ONE, &x), 0.25 * n as f64);
        }
    }
}
