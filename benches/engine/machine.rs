//! On what and with what was measured.

use std::fs;
use std::process::Command;

use serde::Serialize;
use serde_json::Value;

use crate::from_root;

/// Everything that a reader needs to judge a time.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processor, as the system names it.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Vector instructions that matter to matrix products.
    pub vector_instructions: Vec<String>,
    /// Bytes.
    pub memory: Option<u64>,
    pub system: &'static str,
    pub rustc: String,
    /// What was measured.
    pub commit: String,
    /// Versions and threads of the peer.
    pub peer: Option<Value>,
}

/// Describes this machine, with what a peer says about itself.
pub fn describe(peer: Option<Value>) -> anyhow::Result<Machine> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let flags = field("flags").unwrap_or_default().split(' ');
    let matters = |flag: &&str| *flag == "fma" || flag.starts_with("avx");
    Ok(Machine {
        cpu: field("model name").unwrap_or("unknown").to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        vector_instructions: flags.filter(matters).map(str::to_owned).collect(),
        memory: total_memory(),
        system: std::env::consts::OS,
        rustc: first_line(&["rustc", "--version"]),
        commit: first_line(&["git", "describe", "--always", "--dirty", "--abbrev=12"]),
        peer,
    })
}

impl Machine {
    /// One line for people.
    pub fn line(&self) -> String {
        let instructions = match &self.vector_instructions {
            flags if flags.iter().any(|flag| flag.starts_with("avx512")) => "AVX-512",
            flags if flags.iter().any(|flag| flag == "avx2") => "AVX2",
            _ => "no AVX2",
        };
        let word = |value: &Value, key: &str| match &value[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let peer = self.peer.as_ref().map(|peer| {
            format!(
                ", torch {} with {} threads",
                word(peer, "torch"),
                word(peer, "threads")
            )
        });
        format!(
            "{}, {} cores, {instructions}, {:.0} GiB; {}, commit {}{}",
            self.cpu,
            self.cores,
            self.memory.unwrap_or(0) as f64 / (1u64 << 30) as f64,
            self.rustc,
            self.commit,
            peer.unwrap_or_default()
        )
    }
}

fn total_memory() -> Option<u64> {
    let information = fs::read_to_string("/proc/meminfo").ok()?;
    let line = information
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

/// The first line that a command prints at the root of the checkout.
fn first_line(command: &[&str]) -> String {
    let output = Command::new(command[0])
        .args(&command[1..])
        .current_dir(from_root("".as_ref()))
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let first = text
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned));
    first.unwrap_or_else(|| "unknown".to_owned())
}
