//! Randomness as a function of (seed, name), never of order or thread.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::Real;
use crate::kernels::normal::fill_normal_chunk;
use crate::kernels::threads::{Rows, Threads};

/// Elements per stream: long enough to amortise seeding, short enough to share
/// a large tensor among threads.
const CHUNK: usize = 1 << 16;

/// The generator of one named stream.
pub(crate) fn stream(seed: u64, name: &str, chunk: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::from_seed(stream_seed(seed, name, chunk))
}

fn stream_seed(seed: u64, name: &str, chunk: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&chunk.to_le_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

/// Fills a named tensor with normal numbers. `f32` tensors are the rounded
/// `f64` ones.
pub(crate) fn fill_normal<F: Real>(
    threads: Threads,
    (seed, name): (u64, &str),
    deviation: f64,
    out: &mut [F],
) {
    let chunks = out.len().div_ceil(CHUNK);
    let tensors = (0..chunks, Chunks(out));
    threads.for_rows(chunks, CHUNK, tensors, |(numbers, chunks)| {
        for (chunk, out) in numbers.zip(chunks.0.chunks_mut(CHUNK)) {
            fill_normal_chunk(out, deviation, stream_seed(seed, name, chunk as u64));
        }
    });
}

/// A tensor in chunks, of which the last may be short.
struct Chunks<'a, F>(&'a mut [F]);

impl<F: Send> Rows for Chunks<'_, F> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (before, after) = self.0.split_at_mut(row * CHUNK);
        (Chunks(before), Chunks(after))
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[test]
    fn streams_differ_by_seed_name_and_chunk() {
        let first = |seed, name| {
            let mut x = vec![0.0f64; CHUNK + 1];
            fill_normal(Threads::ONE, (seed, name), 1.0, &mut x);
            (x[0], x[CHUNK])
        };
        let (a, b) = first(0, "a");
        assert_eq!((a, b), first(0, "a"));
        assert!(a != b && a != first(1, "a").0 && a != first(0, "b").0);
    }

    #[test]
    fn the_numbers_are_those_of_the_distribution_to_the_bit() {
        // Enough to meet every layer, its edges, and the tail (1 in 4000).
        let mut x = vec![0.0f64; 50 * CHUNK - 7];
        fill_normal(Threads::ONE, (7, "x"), 0.02, &mut x);
        for (chunk, x) in x.chunks(CHUNK).enumerate() {
            let mut generator = stream(7, "x", chunk as u64);
            for &x in x {
                let sample: f64 = StandardNormal.sample(&mut generator);
                assert_eq!(x, sample * 0.02);
            }
        }
        let largest = x.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        assert!(largest > 3.7 * 0.02, "none of the tail");
        let mut single = vec![0.0f32; x.len()];
        fill_normal(Threads::ONE, (7, "x"), 0.02, &mut single);
        assert!(
            single
                .iter()
                .zip(&x)
                .all(|(&single, &x)| single == x as f32)
        );
    }

    #[test]
    fn the_numbers_stay_what_they_are() {
        let mut x = [0.0f32; 4];
        fill_normal(Threads::ONE, (0, "embedding.0.table"), 0.02, &mut x);
        let expected = [0x3b0cafd2, 0xb89ab9a3, 0xbb5de454, 0x3bdf92ed];
        assert_eq!(x.map(f32::to_bits), expected);
    }

    #[test]
    fn samples_are_standard_normal_times_the_deviation() {
        let mut x = vec![0.0f64; 100_000];
        fill_normal(Threads::ONE, (3, "x"), 0.02, &mut x);
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        assert!(mean.abs() < 2e-4);
        assert!((variance.sqrt() - 0.02).abs() < 2e-4);
    }
}
