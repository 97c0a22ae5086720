//! Normal numbers, those of `rand_distr` to the bit.

use std::sync::LazyLock;

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::rand_core::{RngCore, impls};

use super::dispatch::vectorised;

/// Numbers that are drawn before they are scaled and rounded together.
const GROUP: usize = 4;

vectorised! {
    /// The numbers of `rand_distr`'s standard normal distribution, to the bit, times the
    /// deviation; `seed` is that of a [`Xoshiro256PlusPlus`].
    ///
    /// It is a ziggurat (Doornik 2005, "An improved ziggurat method to generate normal
    /// random samples"), of which 98.8 % of the numbers are a table entry times a
    /// uniform number. Those are made here, with the state of the generator in
    /// registers; for the others the generator goes back one step and `rand_distr`
    /// draws.
    ///
    /// [`Xoshiro256PlusPlus`]: rand_xoshiro::Xoshiro256PlusPlus
    fn fill_normal_chunk<F>(out: &mut [F], deviation: f64, seed: [u8; 32]) {
        let edges = &*EDGES;
        let mut generator = Xoshiro::new(seed);
        let (groups, rest) = out.as_chunks_mut::<GROUP>();
        for group in groups {
            let mut samples = [0.0; GROUP];
            for place in &mut samples {
                let (bits, next) = generator.step();
                let layer = (bits & 0xff) as usize;
                let mut sample = uniform(bits) * edges[layer];
                if sample.abs() < edges[layer + 1] {
                    generator = next;
                } else {
                    (sample, generator) = generator.draw();
                }
                *place = sample;
            }
            for (x, sample) in group.iter_mut().zip(samples) {
                *x = F::of(sample * deviation);
            }
        }
        let mut last = generator;
        for x in rest {
            let sample: f64 = StandardNormal.sample(&mut last);
            *x = F::of(sample * deviation);
        }
    }
}

/// The state of a Xoshiro256++ generator (Blackman & Vigna 2021) as a value: one that
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

    /// Draws the number that `rand_distr` draws; returns it and the state after it.
    ///
    /// The words are arguments of their own: an array would be passed in memory and stay there.
    #[inline(always)]
    fn draw(self) -> (f64, Self) {
        let [a, b, c, d] = self.0;
        draw(a, b, c, d)
    }
}

/// A standard normal number where the first attempt did not fall inside a layer: a
/// second number, a height between those of the density at the two edges, decides whether
/// it lies below the density. The chord between the edges is so near the density that it
/// decides nearly always; the few other cases, and the tail, are left to `rand_distr`.
#[cold]
#[inline(never)]
fn draw(a: u64, b: u64, c: u64, d: u64) -> (f64, Xoshiro) {
    let (edges, chords) = (&*EDGES, &*CHORDS);
    let mut generator = Xoshiro([a, b, c, d]);
    loop {
        let (bits, next) = generator.step();
        let layer = (bits & 0xff) as usize;
        let sample = uniform(bits) * edges[layer];
        let inner = edges[layer + 1];
        if sample.abs() < inner {
            return (sample, next);
        }
        let (bits, after) = next.step();
        let chord = &chords[layer];
        // Both from 0 at the inner edge to 1 at the outer one.
        let descent = (bits >> 11) as f64 * 2.0f64.powi(-53);
        let beyond = descent - (sample.abs() - inner) * chord.steepness;
        if beyond > chord.above {
            return (sample, after);
        }
        if beyond < -chord.below {
            generator = after;
            continue;
        }
        return (StandardNormal.sample(&mut generator), generator);
    }
}

/// The chord of the density between the two edges of a layer.
struct Chord {
    /// One over the distance of the edges.
    steepness: f64,
    /// How far the chord lies above the density at most, as a share of its descent.
    above: f64,
    /// How far below.
    below: f64,
}

/// Chords of all layers.
///
/// A chord differs from its function by at most an eighth of the second derivative times the
/// squared distance of the edges. Where the second derivative is positive, the chord is above.
static CHORDS: LazyLock<[Chord; 256]> = LazyLock::new(|| {
    /// More than the rounding of what is compared.
    const MARGIN: f64 = 1e-9;

    let density = |x: f64| (-x * x / 2.0).exp();
    let second_derivative = |x: f64| (x * x - 1.0) * density(x);
    std::array::from_fn(|layer| {
        let (outer, inner) = (EDGES[layer], EDGES[layer + 1]);
        // The outermost layer is a box and the tail beyond it.
        if layer == 0 {
            return Chord {
                steepness: 0.0,
                above: f64::INFINITY,
                below: f64::INFINITY,
            };
        }
        // The second derivative has its extremes at 0 and at the root of 3.
        let largest = 3.0f64.sqrt().clamp(inner, outer);
        let ends = [inner, outer, largest].map(second_derivative);
        let scale = (outer - inner).powi(2) / 8.0 / (density(inner) - density(outer));
        Chord {
            steepness: 1.0 / (outer - inner),
            above: ends.into_iter().fold(0.0, f64::max) * scale + MARGIN,
            below: -ends.into_iter().fold(0.0, f64::min) * scale + MARGIN,
        }
    })
});

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
