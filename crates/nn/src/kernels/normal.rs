//! Normal numbers at the speed of memory.

use super::dispatch::vectorised;

/// Generators side by side, on every instruction set: one register of AVX-512.
const LANES: usize = 16;

/// Bytes that seed the generators of a chunk.
pub(crate) const SEED: usize = 4 * LANES * size_of::<u32>();

/// Numbers that all generators make together in one step.
const STEP: usize = 2 * LANES;

vectorised! {
    /// Normal numbers of mean 0, the same in every element type and on every instruction set.
    ///
    /// Sixteen xoshiro128++ generators (Blackman & Vigna 2021) run side by side. Two of
    /// their words become two numbers (Box & Muller 1958): the radius has 31 random bits, so
    /// that it ends at 6.66 deviations, the angle 25.
    fn fill_normal_chunk<F>(out: &mut [F], deviation: f32, seed: &[u8; SEED]) {
        let mut state = read_state(seed);
        let mut steps = out.chunks_exact_mut(STEP);
        for step in &mut steps {
            let (cosines, sines) = step.split_at_mut(LANES);
            fill_step(cosines, sines, deviation, &mut state);
        }
        let rest = steps.into_remainder();
        let mut last = [F::zero(); STEP];
        let (cosines, sines) = last.split_at_mut(LANES);
        fill_step(cosines, sines, deviation, &mut state);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// The four words of every generator.
type State = [[u32; LANES]; 4];

fn read_state(seed: &[u8; SEED]) -> State {
    let (words, _) = seed.as_chunks();
    let word = |i: usize| u32::from_le_bytes(words[i]);
    // Each generator has a word that is not 0, or it would give nothing else.
    std::array::from_fn(|i| std::array::from_fn(|lane| word(i * LANES + lane) | u32::from(i == 0)))
}

/// The next numbers of every generator. One loop holds everything, since that is what
/// compilers turn into vector instructions.
#[inline(always)]
fn fill_step<F: crate::Real>(
    cosines: &mut [F],
    sines: &mut [F],
    deviation: f32,
    state: &mut State,
) {
    let [a, b, c, d] = state;
    let places = cosines.iter_mut().zip(sines);
    let words = a.iter_mut().zip(b).zip(c).zip(d);
    for ((cosine, sine), (((a, b), c), d)) in places.zip(words) {
        let (first, next) = step([*a, *b, *c, *d]);
        let (second, next) = step(next);
        [*a, *b, *c, *d] = next;
        // The lowest bit, which the angle does not use, turns it half round.
        let sign = second << 31;
        let radius = f32::from_bits(radius(first).to_bits() ^ sign) * deviation;
        let (cos, sin) = quarter_turns(second);
        *cosine = F::of((radius * cos).into());
        *sine = F::of((radius * sin).into());
    }
}

/// The next word of xoshiro128++, and the state after it.
#[inline(always)]
fn step([a, b, c, d]: [u32; 4]) -> (u32, [u32; 4]) {
    let word = a.wrapping_add(d).rotate_left(7).wrapping_add(a);
    let (e, f) = (c ^ a, d ^ b);
    (word, [a ^ f, b ^ e, e ^ (b << 9), f.rotate_left(11)])
}

/// `sqrt(-2 ln u)` for a uniform number of (0, 1].
#[inline(always)]
fn radius(word: u32) -> f32 {
    /// Between half the root of 2 and the root of 2 lies the mantissa of `u`.
    const HALF_ROOT: i32 = 0x3f35_04f3;
    /// Minus twice the minimax polynomial of `ln(1 + x) / x` there; relative error 2e-7.
    const LOGARITHM: [f32; 8] = [
        -1.999_999_9,
        1.000_006_9,
        -0.666_712_2,
        0.499_431_2,
        -0.397_684_7,
        0.344_248_56,
        -0.326_762_86,
        0.207_574_1,
    ];

    let uniform = (word >> 1) as i32 as f32 * 2.0f32.powi(-31) + 2.0f32.powi(-32);
    let beyond = uniform.to_bits() as i32 - HALF_ROOT;
    let exponent = (beyond >> 23) as f32;
    let mantissa = f32::from_bits(((beyond & 0x7f_ffff) + HALF_ROOT) as u32);
    let x = mantissa - 1.0;
    let logarithm = exponent * (-2.0 * std::f32::consts::LN_2) + x * polynomial(&LOGARITHM, x);
    logarithm.sqrt()
}

/// Cosine and sine of up to a quarter turn in either direction; relative error 1e-7.
#[inline(always)]
fn quarter_turns(word: u32) -> (f32, f32) {
    const COSINE: [f32; 5] = [
        0.999_999_94,
        -1.233_698_2,
        0.253_650_75,
        -0.020_810_628,
        0.000_858_190_64,
    ];
    const SINE: [f32; 5] = [
        1.570_796_4,
        -0.645_963_8,
        0.079_689_93,
        -0.004_674_157_6,
        0.000_151_678_53,
    ];

    let turn = (word as i32 >> 8) as f32 * 2.0f32.powi(-23) + 2.0f32.powi(-24);
    let square = turn * turn;
    (
        polynomial(&COSINE, square),
        turn * polynomial(&SINE, square),
    )
}

/// Horner's scheme, the constant first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut coefficients = coefficients.iter().rev();
    let highest = coefficients.next().copied().unwrap_or_default();
    coefficients.fold(highest, |sum, coefficient| sum * x + coefficient)
}
