//! Randomness as a function of (seed, name), never of order or thread.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::Real;
use crate::kernels::normal::{SEED, fill_normal_chunk};
use crate::kernels::threads::{Rows, Threads};

/// Elements per stream: long enough to amortise seeding, short enough to share
/// a large tensor among threads.
const CHUNK: usize = 1 << 16;

/// The generator of one named stream.
pub(crate) fn stream(seed: u64, name: &str, chunk: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::from_seed(*hasher(seed, name, chunk).finalize().as_bytes())
}

fn hasher(seed: u64, name: &str, chunk: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&chunk.to_le_bytes());
    hasher.update(name.as_bytes());
    hasher
}

/// Fills a named tensor with normal numbers: those of `f32`, whatever the element type.
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
            let mut words = [0; SEED];
            let hasher = hasher(seed, name, chunk as u64);
            hasher.finalize_xof().fill(&mut words);
            fill_normal_chunk(out, deviation as f32, &words);
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
    fn every_element_type_gets_the_same_numbers() {
        let mut double = vec![0.0f64; CHUNK + 7];
        fill_normal(Threads::ONE, (7, "x"), 0.02, &mut double);
        let mut single = vec![0.0f32; CHUNK + 7];
        fill_normal(Threads::ONE, (7, "x"), 0.02, &mut single);
        assert!(single.iter().map(|&x| f64::from(x)).eq(double));
    }

    #[test]
    fn a_shorter_tensor_is_the_beginning_of_a_longer_one() {
        let mut long = vec![0.0f32; 1000];
        fill_normal(Threads::ONE, (7, "x"), 1.0, &mut long);
        for length in [1, 15, 16, 31, 32, 33, 95] {
            let mut short = vec![0.0f32; length];
            fill_normal(Threads::ONE, (7, "x"), 1.0, &mut short);
            assert_eq!(short, long[..length]);
        }
    }

    #[test]
    fn the_numbers_stay_what_they_are() {
        let mut x = [0.0f32; 4];
        fill_normal(Threads::ONE, (0, "embedding.0.table"), 0.02, &mut x);
        let expected = [0xbac9f8ca, 0x3c475bfd, 0xbc392b59, 0x3b0dec16];
        assert_eq!(x.map(f32::to_bits), expected);
    }

    /// Deviations of the moments of so many numbers are known; so is the largest distance of
    /// their distribution from the normal one (Kolmogorov: 1.95 / sqrt(n) in one of 1000).
    #[test]
    fn the_numbers_are_standard_normal() {
        let mut x = vec![0.0f32; 64 * CHUNK];
        fill_normal(Threads::ONE, (3, "x"), 1.0, &mut x);
        let n = x.len() as f64;
        let moment = |power| x.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / n;
        for (power, mean, variance) in [
            (1, 0.0, 1.0),
            (2, 1.0, 2.0),
            (3, 0.0, 15.0),
            (4, 3.0, 96.0),
            (6, 15.0, 10_170.0),
        ] {
            let off = (moment(power) - mean) / f64::sqrt(variance / n);
            assert!(off.abs() < 4.0, "moment {power} is {off} deviations off");
        }
        let mut sorted = x.clone();
        sorted.sort_by(f32::total_cmp);
        let distance = |(i, &x): (usize, &f32)| {
            ((i as f64 + 0.5) / n - crate::Real::normal_cdf(f64::from(x))).abs()
        };
        let distance = sorted.iter().enumerate().map(distance).fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "{distance}");
        let largest = sorted[sorted.len() - 1];
        assert!((4.5..6.67).contains(&largest), "the tail ends at {largest}");
    }

    #[test]
    fn numbers_do_not_tell_of_each_other() {
        let mut x = vec![0.0f32; 16 * CHUNK];
        fill_normal(Threads::ONE, (3, "x"), 1.0, &mut x);
        // The two numbers of a pair, neighbours, generators, and chunks.
        for lag in [1, 2, 15, 16, 17, 31, 32, 64, CHUNK] {
            for power in [1, 2] {
                let off = |x: f32| f64::from(x).powi(power) - f64::from(power - 1);
                let pairs = x.iter().zip(&x[lag..]);
                let n = (x.len() - lag) as f64;
                let sum: f64 = pairs.map(|(&x, &y)| off(x) * off(y)).sum();
                let deviations = sum / n.sqrt() / f64::from(power);
                assert!(deviations.abs() < 4.5, "lag {lag}: {deviations} deviations");
            }
        }
    }
}
