//! Room for threads, before they are started: one that finds none ends the process.

/// Address space of a thread: its stack, and what the system puts around it.
const THREAD: u64 = (2 << 20) + (128 << 10);
/// Address space that the allocator of the C library reserves for a thread.
const ARENA: u64 = 64 << 20;
/// Threads per core that get such a reserve.
const ARENAS: u64 = 8;

/// Bytes of address space that so many threads take and that are left, where it is
/// limited and they do not fit.
pub fn too_many(threads: usize, cores: usize) -> Option<(u64, u64)> {
    let (threads, cores) = (threads as u64, cores as u64);
    let needed = threads * THREAD + threads.min(ARENAS * cores) * ARENA;
    let left = left()?;
    (needed > left).then_some((needed, left))
}

/// Address space that the process may still ask for; `None` where there is no limit, or
/// none that is known.
fn left() -> Option<u64> {
    let read = |file| std::fs::read_to_string(file).ok();
    limit(&read("/proc/self/limits")?)?.checked_sub(used(&read("/proc/self/status")?)?)
}

/// The limit of address space in bytes, in `/proc/self/limits`.
fn limit(limits: &str) -> Option<u64> {
    let line = |line: &str| line.strip_prefix("Max address space").map(str::to_owned);
    let line = limits.lines().find_map(line)?;
    line.split_whitespace().next()?.parse().ok()
}

/// The address space in use in bytes, in `/proc/self/status`.
fn used(status: &str) -> Option<u64> {
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kilobytes: u64 = kilobytes.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::{limit, used};

    #[test]
    fn limits_are_read_as_linux_writes_them() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max stack size            8388608              unlimited            bytes\n\
                      Max address space         2048000000           unlimited            bytes\n";
        assert_eq!(limit(limits), Some(2_048_000_000));
        assert_eq!(limit(&limits.replace("2048000000", "unlimited ")), None);
        assert_eq!(used("Name:\tlpzero\nVmSize:\t    3072 kB\n"), Some(3 << 20));
        assert_eq!(used(""), None);
    }
}
