//! A worker process and the line protocol with it.
//!
//! One command a line, one line of JSON as answer; what a worker writes to
//! standard error is the user's to read.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::from_root;

/// The argument that makes this program a worker.
pub const WORKER: &str = "worker";

/// Answer to `run`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Iteration {
    pub seconds: f64,
    /// Absent where nothing is learnt.
    pub loss: Option<f64>,
}

/// Answer to `check`: what must be equal on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    pub loss: f64,
    /// The norm of each gradient, by checkpoint name.
    pub gradients: BTreeMap<String, f64>,
}

/// A running worker. It ends when this is dropped.
pub struct Process {
    name: &'static str,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// This program as a worker.
    pub fn engine() -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        Self::spawn("lpzero", Command::new(program).arg(WORKER))
    }

    /// The worker in PyTorch.
    pub fn pytorch(python: &Path) -> anyhow::Result<Self> {
        let script = from_root(Path::new("benches/peers/pytorch.py"));
        // -B: the checkout stays clean.
        Self::spawn(
            "PyTorch",
            Command::new(from_root(python)).arg("-B").arg(script),
        )
        .with_context(|| {
            format!(
                "{} (make it with `python -m venv .venv` and `.venv/bin/pip install -r \
                 benches/peers/requirements.txt`, or name another with --python)",
                from_root(python).display()
            )
        })
    }

    fn spawn(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("the {name} worker does not start"))?;
        let answers = child.stdout.take().context("no standard output")?;
        Ok(Process {
            name,
            child,
            answers: BufReader::new(answers),
        })
    }

    /// Sends a command and waits for its answer.
    pub fn ask<T: DeserializeOwned>(&mut self, command: &str) -> anyhow::Result<T> {
        let answer = self.exchange(command).with_context(|| {
            format!(
                "the {} worker failed at `{command}`; its own words are above",
                self.name
            )
        })?;
        serde_json::from_str(&answer)
            .with_context(|| format!("`{command}`: the {} worker said {answer}", self.name))
    }

    fn exchange(&mut self, command: &str) -> anyhow::Result<String> {
        let input = self.child.stdin.as_mut().context("no standard input")?;
        writeln!(input, "{command}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "it has ended");
        Ok(answer)
    }
}

impl Drop for Process {
    /// A worker that does not know what to do next ends at the end of its
    /// input; one that is stuck does not.
    fn drop(&mut self) {
        // Either may fail because the worker has ended, which is the aim.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
