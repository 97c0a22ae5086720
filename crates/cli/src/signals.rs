//! Signals: which ones stop a command, and which one must not end it.

use std::io;
use std::sync::Arc;

use lpzero::run::Cancel;
use signal_hook::consts;
use signal_hook::flag;

/// The exit status of a command that a second signal ends at once.
const INTERRUPTED: i32 = 130;

/// Raises a flag at the first Ctrl-C, SIGTERM or SIGHUP, and ends the process at the
/// second. A closed terminal stops nothing where SIGHUP is ignored, as under `nohup`.
///
/// A write beyond the limit of file sizes becomes an error like that of a full disk.
///
/// # Errors
/// What the system says.
pub fn listen(cancel: &Cancel) -> io::Result<()> {
    let mut stops = vec![consts::SIGINT, consts::SIGTERM];
    #[cfg(unix)]
    if !is_ignored(consts::SIGHUP) {
        stops.push(consts::SIGHUP);
    }
    let raised = cancel.shared().unwrap_or_default();
    for signal in stops {
        // The second signal does not wait for the passes that run.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&raised))?;
        flag::register(signal, Arc::clone(&raised))?;
    }
    #[cfg(unix)]
    flag::register(consts::SIGXFSZ, Arc::default())?;
    Ok(())
}

/// Whether whoever started the process had this signal ignored; on Linux.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored >> (signal - 1) & 1 == 1)
}
