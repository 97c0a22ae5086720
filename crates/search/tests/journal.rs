//! A search that is stopped anywhere ends as if it had not been.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lpzero_proxy::{Evaluator, Node, Trace, parse};
use lpzero_run::Cancel;
use lpzero_search::score::Score;
use lpzero_search::{
    Benchmark, Error, Journal, JournalError, Method, Problem, Report, Settings, Torn, Vocabulary,
};
use lpzero_search::{Budget, Control, Snapshot};
use lpzero_stats::Split;
use tempfile::TempDir;

mod common;
use common::{ARCHITECTURES, noise, traces};

/// Sizes of architectures that are all alike.
const SIZES: [f64; 1000] = [1.0; 1000];

/// A small ground truth, and a count of what was really evaluated on it.
struct Planted {
    traces: Vec<Trace>,
    truth: Vec<f64>,
    scored: AtomicU64,
}

/// Counts every request for scores.
struct Counting<'a>(Evaluator<'a>, &'a AtomicU64);

impl Score for Counting<'_> {
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Score::scores(&self.0, formula, indices)
    }
}

/// How a search is stopped.
#[derive(Clone, Copy)]
enum Stop {
    Never,
    /// Cancelled after so many iterations.
    After(u32),
}

impl Planted {
    fn new() -> Self {
        let traces = traces();
        let planted = parse("layers * sum(l1(D))").unwrap();
        let scores = Evaluator::new(&traces).all_scores(&planted).unwrap();
        let noisy = |(i, score): (usize, &f64)| score.ln() + 0.1 * noise(7, i as u64);
        Self {
            truth: scores.iter().enumerate().map(noisy).collect(),
            traces,
            scored: AtomicU64::new(0),
        }
    }

    fn search(
        &self,
        method: Method,
        settings: &Settings,
        journal: Option<&mut Journal>,
        threads: usize,
        stop: Stop,
    ) -> Result<Report, Error> {
        let kinds: Vec<usize> = (0..ARCHITECTURES).collect();
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let cancel = Cancel::new();
        let mut iterations = 0;
        let mut progress = |_: Snapshot<'_>| {
            iterations += 1;
            if matches!(stop, Stop::After(last) if iterations >= last) {
                cancel.cancel();
            }
        };
        let mut control = Control {
            pool: &builder.build().unwrap(),
            cancel: &cancel,
            progress: &mut progress,
            journal,
        };
        let benchmark = Benchmark {
            name: "planted",
            scorer: &Counting(Evaluator::new(&self.traces), &self.scored),
            further: &[],
            variations: &[],
            sizes: &SIZES[..self.truth.len()],
            truth: &self.truth,
            split: &Split::draw(&kinds, 40, 20, 0)?,
            groups: &[],
            baselines: &[],
        };
        let problem = Problem {
            benchmarks: &[benchmark],
            vocabulary: &Vocabulary::of(&self.traces),
            seeds: &[parse("sum(l1(A))").unwrap()],
        };
        method.run(problem, settings, &mut control)
    }

    /// A whole search without a journal.
    fn plain(&self) -> Report {
        let search = self.search(Method::Genetic, &settings(), None, 1, Stop::Never);
        search.unwrap()
    }

    /// A search that goes on from the journal in this folder until it is stopped.
    fn go_on(&self, folder: &Path, stop: Stop) -> (Result<Report, Error>, Option<Torn>) {
        let (mut journal, torn) = Journal::open(folder).unwrap();
        let search = self.search(Method::Genetic, &settings(), Some(&mut journal), 2, stop);
        (search, torn)
    }
}

fn settings() -> Settings {
    Settings {
        budget: Budget::Iterations(40),
        ..Settings::default()
    }
}

/// The journal of a folder, and the file in it that this process writes.
fn journal_in(folder: &TempDir) -> (PathBuf, PathBuf) {
    let journal = folder.path().join("journal");
    let file = journal.join("main");
    (journal, file)
}

/// Bytes before the first record of a journal.
const HEAD: usize = 8 + 4 + 4 + 1 + "lpzero-search".len() + 32 + 16;

/// Where each record of a journal starts, and where the last one ends.
fn offsets(bytes: &[u8]) -> Vec<usize> {
    let mut offsets = vec![HEAD];
    while let Some(at) = offsets.last().copied().filter(|at| *at < bytes.len()) {
        assert_eq!(&bytes[at..at + 4], b"LPZB");
        let length = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        offsets.push(at + 60 + (length(at + 44) + length(at + 52)) as usize + 16);
    }
    assert_eq!(offsets.last(), Some(&bytes.len()));
    offsets
}

/// A journal of a whole search.
fn written(benchmark: &Planted) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    benchmark.go_on(&journal, Stop::Never).0.unwrap();
    fs::read(path).unwrap()
}

#[test]
fn a_journal_does_not_change_what_is_found_and_spares_every_evaluation() {
    let benchmark = Planted::new();
    for method in [Method::Genetic, Method::Random] {
        let folder = tempfile::tempdir().unwrap();
        let search = |journal: Option<&mut Journal>| {
            let before = benchmark.scored.load(Ordering::Relaxed);
            let found = benchmark.search(method, &settings(), journal, 1, Stop::Never);
            let scored = benchmark.scored.load(Ordering::Relaxed) - before;
            (found.unwrap(), scored)
        };
        let (plain, everything) = search(None);
        let open = || Journal::open(&journal_in(&folder).0).unwrap().0;
        assert_eq!(search(Some(&mut open())).0, plain);
        let mut journal = open();
        assert!(journal.batches_left() > 30);
        let (replayed, scored) = search(Some(&mut journal));
        assert_eq!(replayed, plain);
        assert_eq!(journal.batches_left(), 0);
        // The report's own, and one for the seed of the search.
        assert!(scored < everything / 2, "{scored} of {everything}");
    }
}

#[test]
fn a_search_that_is_stopped_again_and_again_ends_the_same() {
    let benchmark = Planted::new();
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    let plain = benchmark.plain();
    for last in [1, 7, 8, 20, 33] {
        let (stopped, torn) = benchmark.go_on(&journal, Stop::After(last));
        assert!(stopped.unwrap().interrupted);
        assert_eq!(torn, None);
    }
    let (ended, torn) = benchmark.go_on(&journal, Stop::Never);
    assert_eq!(torn, None);
    assert_eq!(ended.unwrap(), plain);
    assert_eq!(fs::read(&path).unwrap().len(), written(&benchmark).len());
}

#[test]
fn a_last_record_torn_at_any_byte_is_cut_off_and_made_again() {
    let benchmark = Planted::new();
    let plain = benchmark.plain();
    let whole = written(&benchmark);
    let offsets = offsets(&whole);
    let last = offsets[offsets.len() - 2];
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    fs::create_dir(&journal).unwrap();
    for length in last..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (opened, torn) = Journal::open(&journal).unwrap();
        let bytes = (length - last) as u64;
        assert_eq!(torn.map(|torn| torn.bytes), Some(bytes).filter(|n| *n > 0));
        assert_eq!(opened.batches_left(), offsets.len() - 2);
        drop(opened);
        assert_eq!(fs::read(&path).unwrap(), whole[..last]);
    }
    // All of these are the same file now, so one search speaks for all.
    let (ended, torn) = benchmark.go_on(&journal, Stop::Never);
    assert_eq!((ended.unwrap(), torn), (plain, None));
    assert_eq!(fs::read(&path).unwrap().len(), whole.len());
}

#[test]
fn whatever_is_left_of_a_journal_the_search_ends_the_same() {
    let benchmark = Planted::new();
    let plain = benchmark.plain();
    let whole = written(&benchmark);
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    let somewhere = (0..12).map(|i| (noise(3, i) * whole.len() as f64) as usize);
    fs::create_dir(&journal).unwrap();
    let ends = [0, 1, 11, 12, 13, HEAD - 1, HEAD, HEAD + 1];
    for length in ends.into_iter().chain(somewhere) {
        fs::write(&path, &whole[..length]).unwrap();
        let (ended, torn) = benchmark.go_on(&journal, Stop::Never);
        assert_eq!(ended.unwrap(), plain, "{length}");
        let message = torn.map(|torn| torn.to_string());
        assert!(message.is_none_or(|message| message.contains("journal/main: the last record")));
    }
    // A machine that went down may leave zeros where data should be.
    let mut zeros = whole[..whole.len() / 2].to_vec();
    zeros.resize(whole.len(), 0);
    fs::write(&path, zeros).unwrap();
    let (ended, torn) = benchmark.go_on(&journal, Stop::Never);
    assert_eq!(ended.unwrap(), plain);
    assert!(torn.is_some());
}

#[test]
fn damage_before_intact_records_is_an_error_that_says_where() {
    let benchmark = Planted::new();
    let whole = written(&benchmark);
    let offsets = offsets(&whole);
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    fs::create_dir(&journal).unwrap();
    let record = offsets.len() / 2;
    let (start, end) = (offsets[record], offsets[record + 1]);
    for at in (start..end)
        .step_by(7)
        .chain([start + 4, start + 11, start + 44, start + 59])
    {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        let error = Journal::open(&journal).unwrap_err();
        let expected = JournalError::Damaged {
            path: path.clone(),
            record: record as u64 + 1,
            offset: start as u64,
        };
        assert_eq!(error, expected);
        assert!(error.is_input());
        assert_eq!(fs::read(&path).unwrap(), damaged, "left as it is");
    }
    // A record that is missing is damage too.
    fs::write(&path, [&whole[..start], &whole[end..]].concat()).unwrap();
    let error = Journal::open(&journal).unwrap_err().to_string();
    let expected = format!("record {} at byte {start} is damaged", record + 1);
    assert!(error.contains(&expected), "{error}");
    assert!(error.contains("journal"), "{error}");
}

#[test]
fn other_files_are_not_journals() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    fs::create_dir(&journal).unwrap();
    for content in ["{}", "LPZJRNAL\u{1}\0\0\0"] {
        fs::write(&path, content).unwrap();
        let error = Journal::open(&journal).unwrap_err();
        assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("main: not the journal of a search")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let error = Journal::open(&folder.path().join("none").join("journal")).unwrap_err();
    assert!(!error.is_input());
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

#[test]
fn a_search_with_other_inputs_refuses_the_journal() {
    let mut benchmark = Planted::new();
    let folder = tempfile::tempdir().unwrap();
    let (journal, path) = journal_in(&folder);
    benchmark.go_on(&journal, Stop::After(5)).0.unwrap();
    let refused = |benchmark: &Planted, method, settings: &Settings| {
        let (mut opened, _) = Journal::open(&journal).unwrap();
        let search = benchmark.search(method, settings, Some(&mut opened), 1, Stop::Never);
        match search.unwrap_err() {
            Error::Journal(error) => error,
            other => panic!("{other}"),
        }
    };
    let other = JournalError::OtherInputs {
        path: path.clone(),
        work: "search",
        inputs: "another ground truth, other traces or other settings",
    };
    let reseeded = Settings {
        seed: 1,
        ..settings()
    };
    assert_eq!(refused(&benchmark, Method::Genetic, &reseeded), other);
    // The same inputs, but formulas in another order: another program.
    let error = refused(&benchmark, Method::Random, &settings());
    let formulas = JournalError::OtherPiece {
        path: path.clone(),
        record: 1,
        work: "search",
    };
    assert_eq!(error, formulas);
    benchmark.truth[0] += 0.5;
    assert_eq!(refused(&benchmark, Method::Genetic, &settings()), other);
    benchmark.truth[0] -= 0.5;
    benchmark.traces.swap(0, 1);
    let many = (0..ARCHITECTURES - 1).step_by(2);
    many.skip(1).for_each(|i| benchmark.traces.swap(i, i + 1));
    assert_eq!(refused(&benchmark, Method::Genetic, &settings()), other);
}

/// A file on a disk with so many bytes left.
#[derive(Clone)]
struct Disk(Arc<Mutex<(File, usize)>>);

impl Disk {
    fn with(path: &Path, room: usize) -> Self {
        let file = OpenOptions::new().append(true).open(path).unwrap();
        Self(Arc::new(Mutex::new((file, room))))
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock().unwrap();
        let (file, room) = &mut *disk;
        let fits = bytes.len().min(*room);
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *room -= fits;
        file.write(&bytes[..fits])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_stops_the_search_which_can_be_continued() {
    let benchmark = Planted::new();
    let plain = benchmark.plain();
    let whole = written(&benchmark);
    for step in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let (journal, path) = journal_in(&folder);
        let room = step * whole.len() / 6;
        let (opened, _) = Journal::open(&journal).unwrap();
        let mut opened = opened.writing_to(Disk::with(&path, room));
        let search = benchmark.search(
            Method::Genetic,
            &settings(),
            Some(&mut opened),
            1,
            Stop::Never,
        );
        let error = search.unwrap_err();
        let message = error.to_string();
        assert!(message.contains(path.to_str().unwrap()), "{message}");
        assert!(message.contains("cannot be written"), "{message}");
        assert!(matches!(error, Error::Journal(error) if !error.is_input()));
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, room);
        drop(opened);
        // Room was made.
        let (ended, torn) = benchmark.go_on(&journal, Stop::Never);
        assert_eq!(ended.unwrap(), plain);
        assert_eq!(torn.is_some(), room > 0);
    }
}

#[test]
fn time_that_was_spent_stays_spent() {
    let benchmark = Planted::new();
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = journal_in(&folder);
    let budget = Duration::from_millis(600);
    let settings = Settings {
        budget: Budget::Time(budget),
        ..Settings::default()
    };
    let search = |stop| {
        let (mut opened, _) = Journal::open(&journal).unwrap();
        let start = Instant::now();
        let found = benchmark.search(Method::Genetic, &settings, Some(&mut opened), 1, stop);
        (found.unwrap(), start.elapsed())
    };
    let (whole, took) = search(Stop::Never);
    assert!(took >= budget);
    // Nothing but the last moments are left of the budget.
    let (again, _) = search(Stop::Never);
    let more = again.counts.evaluated - whole.counts.evaluated;
    assert!(more <= whole.counts.evaluated / 4, "{more} more");
}
