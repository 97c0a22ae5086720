//! Stored numbers, little-endian, in the engine's precision.

use super::dispatch::vectorised;

vectorised! {
    /// From IEEE half precision.
    fn widen_half<F>(bytes: &[u8], out: &mut [F]) {
        for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *x = F::of(f64::from(single_of_half(u16::from_le_bytes(bytes))));
        }
    }

    /// From the upper half of single precision.
    fn widen_upper_half<F>(bytes: &[u8], out: &mut [F]) {
        for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            let bits = u32::from(u16::from_le_bytes(bytes)) << 16;
            *x = F::of(f64::from(f32::from_bits(bits)));
        }
    }

    /// From single precision.
    fn widen_single<F>(bytes: &[u8], out: &mut [F]) {
        for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *x = F::of(f64::from(f32::from_le_bytes(bytes)));
        }
    }

    /// From double precision.
    fn widen_double<F>(bytes: &[u8], out: &mut [F]) {
        for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *x = F::of(f64::from_le_bytes(bytes));
        }
    }
}

/// Exact, without branches, so that the compiler vectorises it: exponent and mantissa
/// move to their places in single precision, and a power of two makes up for the other
/// bias, for numbers below the normal ones too.
#[inline(always)]
fn single_of_half(half: u16) -> f32 {
    const BIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    const EXPONENT: u32 = 0x7f80_0000;

    let half = u32::from(half);
    let sign = (half & 0x8000) << 16;
    let size = (f32::from_bits((half & 0x7fff) << 13) * BIAS).to_bits();
    let infinite = half & 0x7c00 == 0x7c00;
    let exponent = if infinite { EXPONENT } else { 0 };
    f32::from_bits(sign | size | exponent)
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_half_precision_number_is_exact() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let mut widened = vec![0.0f32; 1 << 16];
        widen_half(&bytes, &mut widened);
        for (bits, x) in (0..=u16::MAX).zip(widened) {
            let expected = f16::from_bits(bits).to_f32();
            let same = x.to_bits() == expected.to_bits();
            assert!(same || (x.is_nan() && expected.is_nan()), "{bits:#x} {x}");
        }
    }
}
