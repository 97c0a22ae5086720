//! What happens where the system refuses memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    /// Whether this thread asks for memory that it can do without.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, for applications to declare as their global one. Where memory
/// is refused that nobody can do without, it ends the process with one sentence and exit
/// status 1, where the standard one aborts it. What is on the disk stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

// SAFETY: all is handed to the system's allocator, and what it gives is handed back.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what the contract asks of it, here and below.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, buffer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(buffer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, buffer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(buffer, layout) }
    }
}

/// Passes on what the system gave; does not return where that is nothing, and it is
/// needed.
fn given(buffer: *mut u8, bytes: usize) -> *mut u8 {
    if buffer.is_null() && !ASKING.try_with(Cell::get).unwrap_or(false) {
        end(bytes);
    }
    buffer
}

/// Ends the process without asking for memory or taking a lock.
#[cfg(unix)]
#[cold]
fn end(bytes: usize) {
    use std::ffi::{c_int, c_void};
    use std::io::Write;

    let mut text = [0; 200];
    let mut left = &mut text[..];
    let _ = writeln!(
        left,
        "lpzero: no memory left: the system refused {bytes} bytes; what was recorded is kept"
    );
    let unused = left.len();
    let length = text.len() - unused;
    // SAFETY: the signatures are those of the C library, and the text is as long as said.
    #[allow(unsafe_code)]
    unsafe {
        unsafe extern "C" {
            fn write(file: c_int, text: *const c_void, length: usize) -> isize;
            fn _exit(status: c_int) -> !;
        }
        write(2, text.as_ptr().cast(), length);
        _exit(1)
    }
}

/// Elsewhere the process is aborted, as by the standard allocator.
#[cfg(not(unix))]
fn end(_: usize) {}

/// Whether the system would give so many bytes now. They are not kept.
pub(crate) fn is_given(bytes: u64) -> bool {
    let Ok(bytes) = usize::try_from(bytes) else {
        return false;
    };
    ASKING.set(true);
    let mut buffer = Vec::<u8>::new();
    let given = buffer.try_reserve_exact(bytes).is_ok();
    // A buffer that nobody looks at need not be asked for.
    black_box(&mut buffer);
    ASKING.set(false);
    given
}

#[cfg(test)]
mod tests {
    use super::is_given;

    #[test]
    fn some_memory_is_given_and_all_that_can_be_addressed_is_not() {
        assert!(is_given(1 << 20));
        assert!(!is_given(u64::MAX / 4) && !is_given(u64::MAX));
    }
}
