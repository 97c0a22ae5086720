//! How much memory this process has resident, from Linux's /proc.

use std::fs;

use serde::{Deserialize, Serialize};

/// Bytes resident; absent where the system does not tell.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Before anything was prepared.
    pub idle: Option<u64>,
    /// The most since it was prepared.
    pub peak: Option<u64>,
}

impl Memory {
    /// The peak without what the idle process has.
    pub fn net(self) -> Option<u64> {
        Some(self.peak?.saturating_sub(self.idle?))
    }
}

/// Bytes resident now.
pub fn now() -> Option<u64> {
    status("VmRSS:")
}

/// The most bytes resident since the start or the last [`reset_peak`].
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// Starts the high-water mark again from what is resident now.
pub fn reset_peak() -> std::io::Result<()> {
    match fs::exists("/proc/self/clear_refs")? {
        true => fs::write("/proc/self/clear_refs", "5"),
        false => Ok(()),
    }
}

fn status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}
