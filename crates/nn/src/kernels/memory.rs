//! Large buffers: how the system hands them out and takes them back.

/// Lets large buffers that are freed go back to the system at once, in the whole
/// process: for applications to call before their first pass, from `main`.
///
/// Buffers of a network have many sizes. The C library of GNU/Linux takes memory for
/// the first large ones from the system, learns from the first that are freed to keep
/// them in lists of its own, and then loses what lies between those that are in use,
/// up to a quarter of what a pass needs. With a fixed limit it does not. Elsewhere this does
/// nothing; results never depend on it.
pub fn return_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;

        /// Parameter of `mallopt(3)`: the fewest bytes of a buffer that has pages of its own.
        const M_MMAP_THRESHOLD: c_int = -3;

        /// The residual stream of small networks is larger; what a matrix product packs
        /// at once, which comes and goes with every product, is mostly smaller.
        const LARGE: c_int = 1_500_000;

        // SAFETY: the signature is that of the C library, which takes a lock of its
        // own; a value that it refuses changes nothing.
        #[allow(unsafe_code)]
        unsafe {
            unsafe extern "C" {
                fn mallopt(parameter: c_int, value: c_int) -> c_int;
            }
            mallopt(M_MMAP_THRESHOLD, LARGE);
        }
    }
}

/// Asks for large pages behind a buffer that has not been touched yet: the system then
/// hands out 2 MiB at a time, and not 4 KiB. Only whole large pages inside the buffer
/// are asked for, so that it takes no more memory. Elsewhere than on Linux this does
/// nothing.
pub(crate) fn prefer_large_pages<F>(buffer: &mut [F]) {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::{c_int, c_void};

        /// Advice to `madvise(2)`: large pages.
        const MADV_HUGEPAGE: c_int = 14;

        const PAGE: usize = 1 << 21;

        let start = buffer.as_mut_ptr().cast::<u8>();
        let before = start.align_offset(PAGE);
        let length = size_of_val(buffer).saturating_sub(before) / PAGE * PAGE;
        if length == 0 {
            return;
        }
        // SAFETY: the signature is that of the C library, and the range lies in the
        // buffer. It is advice, which changes no contents; a refusal is no harm.
        #[allow(unsafe_code)]
        unsafe {
            unsafe extern "C" {
                fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
            }
            madvise(start.wrapping_add(before).cast(), length, MADV_HUGEPAGE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = buffer;
}
