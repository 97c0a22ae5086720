//! Run-time choice of the instruction set.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// Instructions that a processor may offer beyond the build target's own.
///
/// The engine picks the best set at run time, so one binary serves every machine. Results agree
/// to rounding: elementwise loops give the same bits, matrix products fuse multiplication and
/// addition where the processor does.
///
/// On other architectures than x86-64 only [`Portable`](Self::Portable) is available, compiled
/// for the build target (which on aarch64 includes Neon).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum InstructionSet {
    /// The build target's.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, BW, DQ and VL).
    Avx512,
}

/// The largest one that may be used; tests and benchmarks lower it.
static LIMIT: AtomicU8 = AtomicU8::new(InstructionSet::Avx512 as u8);

/// The best one of this machine. Kernels ask at every call.
static BEST: LazyLock<InstructionSet> = LazyLock::new(|| {
    let mut sets = InstructionSet::ALL.into_iter().rev();
    let best = sets.find(|set| set.is_available());
    best.unwrap_or(InstructionSet::Portable)
});

impl InstructionSet {
    /// Every one, slowest first.
    pub const ALL: [InstructionSet; 3] = [
        InstructionSet::Portable,
        InstructionSet::Avx2,
        InstructionSet::Avx512,
    ];

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            InstructionSet::Portable => true,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                InstructionSet::Avx2.is_available()
                    && std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Lets the whole process use this one at most, from now on. The switch
    /// with which each path is tested and timed; nothing else needs it.
    pub fn limit(self) {
        LIMIT.store(self as u8, Ordering::Relaxed);
    }

    /// The best one that is available and within the limit.
    pub fn in_use() -> InstructionSet {
        let limit = LIMIT.load(Ordering::Relaxed).min(*BEST as u8);
        match limit {
            2.. => InstructionSet::Avx512,
            1 => InstructionSet::Avx2,
            0 => InstructionSet::Portable,
        }
    }
}

/// Defines functions whose bodies are compiled for every instruction set, and
/// picks by what the machine has.
///
/// All copies come from one text without fused multiply-add, and reductions
/// in it fix their order by explicit lanes, so all give the same bits.
macro_rules! vectorised {
    ($(
        $(#[$meta:meta])*
        fn $name:ident<F>($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        pub(crate) fn $name<F: $crate::Real>($($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            fn portable<F: $crate::Real>($($argument: $type),*) $(-> $output)? $body

            let _span = $crate::profile::span(stringify!($name));
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::kernels::dispatch::InstructionSet;

                #[target_feature(enable = "avx2")]
                fn avx2<F: $crate::Real>($($argument: $type),*) $(-> $output)? {
                    portable($($argument),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512<F: $crate::Real>($($argument: $type),*) $(-> $output)? {
                    portable($($argument),*)
                }
                // SAFETY: the instruction set in use is available, each
                // function's only demand.
                #[allow(unsafe_code)]
                match InstructionSet::in_use() {
                    InstructionSet::Avx512 => return unsafe { avx512($($argument),*) },
                    InstructionSet::Avx2 => return unsafe { avx2($($argument),*) },
                    InstructionSet::Portable => {}
                }
            }
            portable($($argument),*)
        }
    )*};
}

pub(super) use vectorised;
