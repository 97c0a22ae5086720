//! Randomness as a function of (seed, name), never of order or thread.

use std::sync::LazyLock;

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng, impls};

use crate::kernels::threads::{Rows, Threads};
use crate::{Real, profile};

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
        let _span = profile::span("fill_normal");
        for (chunk, out) in numbers.zip(chunks.0.chunks_mut(CHUNK)) {
            fill_chunk(stream_seed(seed, name, chunk as u64), deviation, out);
        }
    });
}

/// The numbers of `rand_distr`'s standard normal distribution, to the bit, times the
/// deviation; `seed` is that of a [`Xoshiro256PlusPlus`].
///
/// It is a ziggurat (Doornik 2005, "An improved ziggurat method to generate normal
/// random samples"), of which 98.8 % of the numbers are a table entry times a
/// uniform number. Those are made here, with the state of the generator in
/// registers; for the others the generator goes back one step and `rand_distr`
/// draws.
fn fill_chunk<F: Real>(seed: [u8; 32], deviation: f64, out: &mut [F]) {
    let edges = &*EDGES;
    let mut generator = Xoshiro::new(seed);
    for x in out {
        let (bits, next) = generator.step();
        let layer = (bits & 0xff) as usize;
        let mut sample = uniform(bits) * edges[layer];
        if sample.abs() < edges[layer + 1] {
            generator = next;
        } else {
            (sample, generator) = generator.draw();
        }
        *x = F::of(sample * deviation);
    }
}

/// The state of a [`Xoshiro256PlusPlus`] (Blackman & Vigna 2021) as a value: one that
/// is changed in place stays in memory, where waiting for it takes most of the time.
#[derive(Clone, Copy)]
struct Xoshiro([u64; 4]);

impl Xoshiro {
    fn new(seed: [u8; 32]) -> Self {
        let (words, _) = seed.as_chunks();
        Xoshiro(std::array::from_fn(|i| u64::from_le_bytes(words[i])))
    }

    /// The next number, and the state after it.
    #[inline(always)]
    fn step(self) -> (u64, Self) {
        let [a, b, c, d] = self.0;
        let bits = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        let next = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        (bits, Xoshiro(next))
    }

    /// A standard normal number, and the state after it. The words are arguments
    /// of their own: an array would be passed in memory and stay there.
    #[inline(always)]
    fn draw(self) -> (f64, Self) {
        #[cold]
        #[inline(never)]
        fn draw(a: u64, b: u64, c: u64, d: u64) -> (f64, Xoshiro) {
            let mut generator = Xoshiro([a, b, c, d]);
            (StandardNormal.sample(&mut generator), generator)
        }
        let [a, b, c, d] = self.0;
        draw(a, b, c, d)
    }
}

impl RngCore for Xoshiro {
    fn next_u64(&mut self) -> u64 {
        let (bits, next) = self.step();
        *self = next;
        bits
    }

    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        impls::fill_bytes_via_next(self, bytes);
    }
}

/// In [-1, 1), from the upper 52 bits: a number of [2, 4) less 3.
#[inline(always)]
fn uniform(bits: u64) -> f64 {
    f64::from_bits((bits >> 12) | 2.0f64.to_bits()) - 3.0
}

/// Where the layers of the ziggurat end, from the widest to 0, read back from
/// `rand_distr`: one half of an edge lies inside its layer, or, in the last one, is
/// accepted by the largest uniform number that decides.
static EDGES: LazyLock<[f64; 257]> = LazyLock::new(|| {
    std::array::from_fn(|layer| match layer {
        256 => 0.0,
        _ => {
            let half = 0.75 * 2.0f64.powi(52);
            let bits = ((half as u64) << 12) | layer as u64;
            let sample: f64 = StandardNormal.sample(&mut Given([bits, u64::MAX].into_iter()));
            2.0 * sample
        }
    })
});

/// A generator of given numbers.
struct Given(std::array::IntoIter<u64, 2>);

impl RngCore for Given {
    fn next_u64(&mut self) -> u64 {
        self.0.next().unwrap_or(u64::MAX)
    }

    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        impls::fill_bytes_via_next(self, bytes);
    }
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
    fn the_numbers_are_those_of_the_distribution_to_the_bit() {
        // Enough to meet every layer, its rejections, and the tail (1 in 4000).
        let mut x = vec![0.0f64; 5 * CHUNK - 7];
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
