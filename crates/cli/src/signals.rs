//! Signals: which ones stop a command, and which one must not end it.

use std::io;

/// Calls `stop` at every Ctrl-C, SIGTERM and SIGHUP, on a thread of its own. A closed
/// terminal stops nothing where SIGHUP is ignored, as under `nohup`.
///
/// A write beyond the limit of file sizes becomes an error like that of a full disk.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn listen(mut stop: impl FnMut() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::{flag, iterator::Signals};

    flag::register(SIGXFSZ, std::sync::Arc::default())?;
    let mut stops = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        stops.push(SIGHUP);
    }
    let mut signals = Signals::new(stops)?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let listening = thread.spawn(move || signals.forever().for_each(|_| stop()));
    listening.map(drop)
}

/// Calls `stop` at every Ctrl-C.
///
/// # Errors
/// What the system says.
#[cfg(not(unix))]
pub fn listen(stop: impl FnMut() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(stop).map_err(io::Error::other)
}

/// Whether whoever started the process had this signal ignored; on Linux.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    ignored.is_some_and(|ignored| (ignored >> (signal - 1)) & 1 == 1)
}
