//! Run-time choice of the instruction set for elementwise loops.

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
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the machine has AVX2; the function itself is safe.
                    #[allow(unsafe_code)]
                    return unsafe { avx2($($argument),*) };
                }
            }
            portable($($argument),*)
        }
    )*};
}

pub(super) use vectorised;
