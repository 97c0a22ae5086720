//! What a run of a million pieces costs: bytes, files, seconds, memory. Writers record pieces
//! that took no time, as those of a cluster do over days; then one process puts them together.
//!
//!     cargo bench -p lpzero-run --bench pieces -- --pieces 1000000 --writers 1000
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use lpzero_run::{ContentHash, Journal, Kind, Piece, Pieces};
use serde::{Deserialize, Serialize};

const KIND: Kind = Kind {
    format: "lpzero-simulated",
    version: 1,
    each: false,
    work: "simulated run",
    inputs: "other inputs",
};

/// A training as a build records it.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    id: String,
    seed: u64,
    loss: f64,
    seconds: f64,
}

impl Piece for Record {
    const MEASURED: &'static [&'static str] = &["/seconds"];

    fn piece(&self) -> String {
        format!("{} seed {}", self.id, self.seed)
    }
}

/// A number behind an option, or the default.
fn option(name: &str, default: u64) -> u64 {
    let mut words = std::env::args().skip_while(|word| word != name);
    words.nth(1).map_or(default, |word| word.parse().unwrap())
}

/// A figure of this process in kB, as Linux has it.
fn memory(figure: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(figure));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn record(piece: u64) -> Record {
    Record {
        id: format!("{piece}"),
        seed: piece % 3,
        loss: 3.0 + (piece as f64).sin(),
        seconds: piece as f64 / 7.0,
    }
}

fn main() {
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let (pieces, writers) = (option("--pieces", 100_000), option("--writers", 100));
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("journal");
    let inputs = ContentHash::of(&pieces);

    // A writer in a folder of its own reads no other's file: that is what a task of an executor
    // does. Tasks in one folder read what is there when they begin.
    let start = Instant::now();
    fs::create_dir(&folder).unwrap();
    for writer in 0..writers {
        let own = place.path().join(format!("own-{writer}"));
        let name = format!("shard-{}-of-{writers}", writer + 1);
        let (mut journal, _) = Pieces::<Record>::open(&own, KIND, &name, inputs).unwrap();
        for piece in (writer..pieces).step_by(writers as usize) {
            journal.append(record(piece)).unwrap();
        }
        drop(journal);
        fs::rename(own.join(&name), folder.join(&name)).unwrap();
    }
    let written = start.elapsed().as_secs_f64();
    let bytes: u64 = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    println!(
        "written    {pieces} pieces by {writers} writers: {:.0} MB, {:.0} bytes a piece, {written:.1} s",
        bytes as f64 / 1e6,
        bytes as f64 / pieces as f64,
    );

    let before = memory("VmRSS");
    let start = Instant::now();
    let records = lpzero_run::Records::read(&folder, KIND).unwrap();
    assert_eq!(records.len() as u64, pieces);
    let index = start.elapsed().as_secs_f64();
    println!(
        "status     {index:.1} s, {:.0} bytes of memory a piece",
        (memory("VmRSS") - before) as f64 * 1024.0 / pieces as f64
    );
    drop(records);
    let merge = merged(&folder, inputs, pieces);
    println!(
        "merge      {merge:.1} s, peak of the process {:.0} MB",
        memory("VmHWM") as f64 / 1024.0
    );
    let start = Instant::now();
    let (journal, _) = Journal::open(&folder, KIND, "one-more").unwrap();
    println!(
        "one more   {:.1} s until a task that begins now in the same folder works ({} pieces known)",
        start.elapsed().as_secs_f64(),
        journal.len()
    );
}

/// Puts the pieces together in their order, and checks each.
fn merged(folder: &Path, inputs: ContentHash, pieces: u64) -> f64 {
    let start = Instant::now();
    let (journal, torn) = Pieces::<Record>::open(folder, KIND, "merge", inputs).unwrap();
    assert!(torn.is_none());
    let mut sum = 0.0;
    for piece in 0..pieces {
        let expected = record(piece);
        let found = journal.get(&expected.piece()).unwrap();
        assert_eq!(found.loss.to_bits(), expected.loss.to_bits());
        sum += found.loss;
    }
    assert!(sum.is_finite());
    start.elapsed().as_secs_f64()
}
