//! Run-time choice of the instruction set for elementwise loops.

/// Whether the machine has AVX2 (and no test pretends otherwise).
#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx2() -> bool {
    #[cfg(test)]
    if tests::PRETEND_NOT.get() {
        return false;
    }
    std::arch::is_x86_feature_detected!("avx2")
}

/// Defines functions whose bodies are compiled twice, once for the build
/// target and once for AVX2, and picks by what the machine has.
///
/// Both copies come from one text without fused multiply-add, and reductions
/// in it fix their order by explicit lanes, so both give the same bits.
macro_rules! vectorised {
    ($(
        $(#[$meta:meta])*
        fn $name:ident<F>($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        pub(crate) fn $name<F: $crate::Real>($($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            fn portable<F: $crate::Real>($($argument: $type),*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<F: $crate::Real>($($argument: $type),*) $(-> $output)? {
                    portable($($argument),*)
                }
                if $crate::kernels::dispatch::has_avx2() {
                    // SAFETY: the machine has AVX2, the function's only demand.
                    #[allow(unsafe_code)]
                    return unsafe { avx2($($argument),*) };
                }
            }
            portable($($argument),*)
        }
    )*};
}

pub(super) use vectorised;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::cell::Cell;

    use lpzero_arch::Activation;

    use crate::kernels::{activation, elementwise, norm, softmax};

    thread_local! {
        pub(super) static PRETEND_NOT: Cell<bool> = const { Cell::new(false) };
    }

    /// The results of every kind of loop on one input, rows of 37 elements.
    fn results() -> Vec<f32> {
        const WIDTH: usize = 37;
        let x: Vec<f32> = (0..20 * WIDTH)
            .map(|i| 4.0 * (i as f32 * 12.9898).sin())
            .collect();
        let gain = &x[..WIDTH];
        let mut all = Vec::new();
        for function in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
            let (mut y, mut d) = (x.clone(), x.clone());
            activation::forward(function, &x, &mut y);
            activation::backward(function, &x, &mut d);
            all.extend([y, d]);
        }
        let mut p = x.clone();
        softmax::softmax_rows(&mut p, WIDTH);
        let mut d = x.clone();
        softmax::softmax_rows_backward(&p, &mut d, WIDTH, 0.3);
        let mut logits = x.clone();
        let loss = softmax::cross_entropy_rows(&mut logits, WIDTH, &[5; 20], 0.1);
        all.extend([p, d, logits, vec![loss as f32]]);
        let (mut y, mut dx, mut statistics) = (x.clone(), x.clone(), vec![0.0; 40]);
        norm::layer_norm(&x, gain, gain, 1e-5, &mut y, &mut statistics);
        let (mut dgain, mut dbias) = (vec![0.0; WIDTH], vec![0.0; WIDTH]);
        norm::layer_norm_backward(&x, &statistics, gain, &y, &mut dx, &mut dgain, &mut dbias);
        elementwise::add_column_sums(&mut dbias, &x);
        all.extend([y, dx, statistics, dgain, dbias]);
        all.concat()
    }

    #[test]
    fn the_instruction_set_does_not_change_a_bit() {
        let here = results();
        PRETEND_NOT.set(true);
        let portable = results();
        PRETEND_NOT.set(false);
        assert!(
            here.iter()
                .zip(&portable)
                .all(|(a, b)| a.to_bits() == b.to_bits())
        );
    }
}
