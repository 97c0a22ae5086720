//! What is recorded is there again, whatever became of the process, the disk or the
//! file.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lpzero_run::{ContentHash, Journal, JournalError, Kind, MAIN, Piece, Pieces, Records};
use serde::{Deserialize, Serialize};

const KIND: Kind = Kind {
    format: "lpzero-squares",
    version: 3,
    each: false,
    work: "table",
    inputs: "other numbers",
};

/// Bytes of a head and of a record around its value and note.
const HEAD: usize = 8 + 4 + 4 + 1 + KIND.format.len() + 32 + 16;
const AROUND: usize = 4 + 8 + 32 + 16 + 16;

fn inputs() -> ContentHash {
    ContentHash::of(&"numbers")
}

fn piece(number: u64) -> ContentHash {
    ContentHash::of(&number)
}

fn value(number: u64) -> Vec<u8> {
    format!("{} is the square of {number}", number * number).into_bytes()
}

struct Place {
    _folder: tempfile::TempDir,
    journal: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        Self {
            _folder: folder,
            journal,
        }
    }

    fn of(&self, writer: &str) -> PathBuf {
        self.journal.join(writer)
    }

    fn open(&self, writer: &str) -> Journal {
        let (mut journal, _) = Journal::open(&self.journal, KIND, writer).unwrap();
        journal.begin(inputs()).unwrap();
        journal
    }

    fn refused(&self) -> JournalError {
        let writer = Journal::open(&self.journal, KIND, MAIN).unwrap_err();
        let reader = Records::read(&self.journal, KIND).unwrap_err();
        assert_eq!(writer, reader);
        assert!(writer.is_input());
        writer
    }

    /// A file of `count` records, and where each starts and the last ends.
    fn written(&self, writer: &str, count: u64) -> (Vec<u8>, Vec<usize>) {
        let mut journal = self.open(writer);
        let mut offsets = vec![HEAD];
        for number in 0..count {
            journal
                .append(piece(number), &value(number), b"1.5 s")
                .unwrap();
            offsets.push(offsets[number as usize] + AROUND + value(number).len() + 5);
        }
        let bytes = fs::read(self.of(writer)).unwrap();
        assert_eq!(offsets.last(), Some(&bytes.len()));
        (bytes, offsets)
    }
}

#[test]
fn what_is_appended_is_there_again() {
    let place = Place::new();
    place.written(MAIN, 5);
    let (mut journal, torn) = Journal::open(&place.journal, KIND, MAIN).unwrap();
    assert_eq!(torn, None);
    assert_eq!(journal.len(), 5);
    journal.begin(inputs()).unwrap();
    journal.append(piece(9), &value(9), b"").unwrap();
    let records = Records::read(&place.journal, KIND).unwrap();
    let pieces: Vec<_> = records.iter().map(|record| record.unwrap().piece).collect();
    assert_eq!(pieces, [0, 1, 2, 3, 4, 9].map(piece));
    assert_eq!(records.inputs(), Some(inputs()));
    let record = records.get(&piece(3)).unwrap().unwrap();
    assert_eq!((record.value, record.note), (value(3), b"1.5 s".to_vec()));
    assert_eq!(records.get(&piece(7)).unwrap(), None);
    assert!(records.contains(&piece(9)) && !records.contains(&piece(7)));
}

#[test]
fn a_file_torn_at_any_byte_is_cut_and_goes_on() {
    let place = Place::new();
    let (whole, offsets) = place.written(MAIN, 3);
    for length in 0..whole.len() {
        fs::write(place.of(MAIN), &whole[..length]).unwrap();
        // A reader counts what is whole, and touches nothing.
        let intact = offsets.iter().filter(|&&offset| offset <= length).count();
        let records = Records::read(&place.journal, KIND).unwrap();
        assert_eq!(records.len(), intact.saturating_sub(1), "{length}");
        assert_eq!(fs::read(place.of(MAIN)).unwrap(), whole[..length]);

        let (mut journal, torn) = Journal::open(&place.journal, KIND, MAIN).unwrap();
        let last = offsets.iter().filter(|&&offset| offset <= length).max();
        let bytes = (length - last.unwrap_or(&0)) as u64;
        assert_eq!(torn.map(|torn| torn.bytes), Some(bytes).filter(|n| *n > 0));
        journal.begin(inputs()).unwrap();
        for number in 0..3 {
            journal
                .append(piece(number), &value(number), b"1.5 s")
                .unwrap();
        }
        assert_eq!(fs::read(place.of(MAIN)).unwrap(), whole, "{length}");
    }
}

#[test]
fn zeros_where_data_should_be_are_a_torn_end() {
    let place = Place::new();
    let (whole, offsets) = place.written(MAIN, 4);
    let mut zeros = whole[..offsets[2] + 30].to_vec();
    zeros.resize(whole.len() + 4096, 0);
    fs::write(place.of(MAIN), zeros).unwrap();
    let (journal, torn) = Journal::open(&place.journal, KIND, MAIN).unwrap();
    assert_eq!(journal.len(), 2);
    let message = torn.unwrap().to_string();
    assert!(message.contains("main: the last record was not written to its end"));
}

#[test]
fn damage_at_any_byte_before_the_last_record_is_an_error_that_says_where() {
    let place = Place::new();
    let (whole, offsets) = place.written(MAIN, 3);
    for at in 0..offsets[2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(place.of(MAIN), &damaged).unwrap();
        let refused = place.refused();
        let record = offsets.iter().rposition(|&offset| offset <= at);
        match record {
            // What the head says is of another kind, or its checksum is.
            None => {
                let declared = (0..12).contains(&at) || (16..17 + KIND.format.len()).contains(&at);
                let expected = match &refused {
                    JournalError::Foreign { .. } => declared,
                    JournalError::Damaged { record: 0, .. } => !declared,
                    _ => false,
                };
                assert!(expected, "{at}: {refused}");
            }
            Some(record) => {
                let expected = JournalError::Damaged {
                    path: place.of(MAIN),
                    record: record as u64 + 1,
                    offset: offsets[record] as u64,
                };
                assert_eq!(refused, expected, "{at}");
            }
        }
        assert_eq!(fs::read(place.of(MAIN)).unwrap(), damaged, "left as it is");
    }
    // A record that is missing is damage too, also where only one follows.
    for record in [0, 1] {
        let cut = [&whole[..offsets[record]], &whole[offsets[record + 1]..]].concat();
        fs::write(place.of(MAIN), cut).unwrap();
        let expected = format!(
            "record {} at byte {} is damaged",
            record + 1,
            offsets[record]
        );
        assert!(place.refused().to_string().contains(&expected));
    }
}

#[test]
fn a_record_of_another_journal_is_no_record() {
    let place = Place::new();
    let (whole, offsets) = place.written(MAIN, 2);
    let elsewhere = Place::new();
    let (mut other, _) = Journal::open(&elsewhere.journal, KIND, MAIN).unwrap();
    other.begin(ContentHash::of(&"other numbers")).unwrap();
    other.append(piece(0), &value(0), b"1.5 s").unwrap();
    drop(other);
    let bytes = fs::read(elsewhere.of(MAIN)).unwrap();
    let mixed = [&bytes[..HEAD], &whole[offsets[0]..]].concat();
    fs::write(place.of(MAIN), mixed).unwrap();
    assert!(Records::read(&place.journal, KIND).unwrap().is_empty());
}

#[test]
fn two_writers_work_on_one_run_and_each_reads_both() {
    let place = Place::new();
    let mut first = place.open("shard-1");
    first.append(piece(0), &value(0), b"1 s").unwrap();
    let mut second = place.open("shard-2");
    assert!(second.contains(&piece(0)));
    second.append(piece(1), &value(1), b"2 s").unwrap();
    // Done twice to one end, in another time.
    first.append(piece(1), &value(1), b"3 s").unwrap();
    let in_use = Journal::open(&place.journal, KIND, "shard-1").unwrap_err();
    let path = place.of("shard-1");
    assert_eq!(in_use, JournalError::InUse { path });
    let records = Records::read(&place.journal, KIND).unwrap();
    let pieces: Vec<_> = records.iter().map(|record| record.unwrap().piece).collect();
    assert_eq!(pieces, [0, 1].map(piece));
    // The first by name is the one that is read.
    assert_eq!(records.get(&piece(1)).unwrap().unwrap().note, b"3 s");

    // What another writer has not finished writing is left to it.
    drop(second);
    let whole = fs::read(place.of("shard-2")).unwrap();
    fs::write(place.of("shard-2"), &whole[..whole.len() - 3]).unwrap();
    // What network file systems keep of files that were removed is no journal.
    fs::write(place.of(".nfs0001"), "anything").unwrap();
    let (third, torn) = Journal::open(&place.journal, KIND, "merge").unwrap();
    assert_eq!((third.len(), torn), (2, None));
    assert_eq!(
        fs::read(place.of("shard-2")).unwrap().len(),
        whole.len() - 3
    );
}

#[test]
fn writers_that_contradict_each_other_are_refused_by_name() {
    let place = Place::new();
    let mut first = place.open("shard-1");
    let mut second = place.open("shard-2");
    first.append(piece(0), &value(0), b"").unwrap();
    first.append(piece(1), &value(1), b"").unwrap();
    second
        .append(piece(1), b"1 is its own square", b"")
        .unwrap();
    let expected = JournalError::Contradiction {
        path: place.of("shard-2"),
        record: 1,
        other: place.of("shard-1"),
        other_record: 2,
    };
    assert_eq!(place.refused(), expected);
    let message = expected.to_string();
    for part in ["shard-2: record 1 contradicts record 2 of", "shard-1 about"] {
        assert!(message.contains(part), "{message}");
    }
    // A writer that knows better does not write it.
    let length = fs::metadata(place.of("shard-1")).unwrap().len();
    let refused = first.append(piece(1), b"1 is its own square", b"");
    assert!(matches!(refused, Err(JournalError::Contradiction { .. })));
    assert_eq!(fs::metadata(place.of("shard-1")).unwrap().len(), length);
}

#[test]
fn a_journal_is_bound_to_what_it_is_of() {
    let place = Place::new();
    place.written("shard-1", 1);
    let (mut journal, _) = Journal::open(&place.journal, KIND, MAIN).unwrap();
    let refused = journal.begin(ContentHash::of(&"others")).unwrap_err();
    let message = refused.to_string();
    assert!(matches!(refused, JournalError::OtherInputs { .. }));
    assert!(message.contains("shard-1: of a table with other numbers; continue"));
    drop(journal);
    let open = |kind| Journal::open(&place.journal, kind, MAIN).unwrap_err();
    let other = Kind {
        format: "lpzero-cubes",
        ..KIND
    };
    assert!(
        open(other)
            .to_string()
            .contains("not the journal of a table")
    );
    let newer = Kind { version: 4, ..KIND };
    let message = open(newer).to_string();
    assert!(
        message.contains("a journal of version 3; expected version 4"),
        "{message}"
    );
}

#[test]
fn other_files_are_not_journals_and_those_of_earlier_versions_are_refused_in_a_sentence() {
    let place = Place::new();
    fs::create_dir(&place.journal).unwrap();
    for content in ["{}", "LPZJRNAL\u{1}\0\0\0", "LPZJRNAL\u{3}\0\0\0"] {
        fs::write(place.of(MAIN), content).unwrap();
        assert!(matches!(place.refused(), JournalError::Foreign { .. }));
        assert_eq!(fs::read_to_string(place.of(MAIN)).unwrap(), content);
    }
    let file = place.journal.with_file_name("trainings");
    fs::write(&file, "{\"format\": \"lpzero-trainings\"}").unwrap();
    let earlier = Journal::open(&file, KIND, MAIN).unwrap_err();
    assert!(
        earlier
            .to_string()
            .contains("a journal of an earlier version")
    );
    let missing = place.journal.with_file_name("none").join("journal");
    let error = Journal::open(&missing, KIND, MAIN).unwrap_err();
    assert!(!error.is_input() && error.to_string().contains("cannot be opened"));
    for name in ["", "../main", "a b"] {
        let error = Journal::open(&place.journal, KIND, name).unwrap_err();
        assert!(matches!(error, JournalError::Writer { .. }));
    }
}

/// A file on a disk with so many bytes left, until room is made.
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
fn behind_a_record_that_could_not_be_written_nothing_is_appended() {
    let place = Place::new();
    let (whole, offsets) = place.written(MAIN, 2);
    for room in [0, 1, AROUND, AROUND + 10] {
        let journal = place.open(MAIN);
        let disk = Disk::with(&place.of(MAIN), room);
        let mut journal = journal.writing_to(disk.clone());
        let failed = journal.append(piece(2), &value(2), b"").unwrap_err();
        assert!(!failed.is_input());
        assert!(
            failed.to_string().contains("main: cannot be written"),
            "{failed}"
        );
        // Another thread that goes on, after room was made.
        disk.0.lock().unwrap().1 = 1 << 20;
        assert_eq!(journal.append(piece(3), &value(3), b""), Err(failed));
        assert_eq!(journal.len(), 2);
        drop((journal, disk));
        assert_eq!(fs::read(place.of(MAIN)).unwrap().len(), offsets[2] + room);
        let (journal, torn) = Journal::open(&place.journal, KIND, MAIN).unwrap();
        assert_eq!((journal.len(), torn.is_some()), (2, room > 0));
        drop(journal);
        assert_eq!(fs::read(place.of(MAIN)).unwrap(), whole);
    }
}

#[test]
#[should_panic(expected = "a journal is begun before it is appended to")]
fn a_record_is_bound_to_inputs() {
    let place = Place::new();
    let (mut journal, _) = Journal::open(&place.journal, KIND, MAIN).unwrap();
    let _ = journal.append(piece(0), b"", b"");
}

/// Files that look like journals at every byte are judged in one pass.
#[test]
fn a_file_full_of_record_markers_is_judged_in_linear_time() {
    let place = Place::new();
    let (whole, _) = place.written(MAIN, 1);
    let markers = b"LPZB".repeat(5 << 20);
    // Each claims to be a record of all that follows.
    let mut claims = Vec::new();
    while claims.len() < 8 << 20 {
        claims.extend_from_slice(b"LPZB");
        claims.extend_from_slice(&[0; 40]);
        claims.extend_from_slice(&(4_u64 << 20).to_le_bytes());
        claims.extend_from_slice(&0_u64.to_le_bytes());
    }
    for (tail, is_torn) in [(markers, true), (claims, false)] {
        fs::write(place.of(MAIN), [&whole[..], &tail].concat()).unwrap();
        let start = Instant::now();
        let opened = Journal::open(&place.journal, KIND, MAIN);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        match opened {
            Ok((journal, torn)) => assert!(is_torn && torn.is_some() && journal.len() == 1),
            Err(error) => assert!(
                !is_torn && matches!(error, JournalError::Damaged { record: 2, .. }),
                "{error}"
            ),
        }
    }
}

/// Nor does memory depend on what a file claims: most of these gigabytes are nowhere.
#[test]
fn a_file_of_gigabytes_behind_its_last_record_is_refused_at_once() {
    let place = Place::new();
    let (whole, offsets) = place.written(MAIN, 1);
    let claim = [
        &b"LPZB"[..],
        &[0; 40],
        &(60_u64 << 30).to_le_bytes(),
        &[0; 8],
    ]
    .concat();
    for tail in [&[0; 8][..], &claim] {
        fs::write(place.of(MAIN), [&whole[..], tail].concat()).unwrap();
        let file = OpenOptions::new().write(true).open(place.of(MAIN)).unwrap();
        file.set_len(64 << 30).unwrap();
        let start = Instant::now();
        let refused = place.refused();
        assert!(start.elapsed() < Duration::from_secs(1));
        let expected = JournalError::Damaged {
            path: place.of(MAIN),
            record: 2,
            offset: offsets[1] as u64,
        };
        assert_eq!(refused, expected);
    }
}

#[cfg(unix)]
#[test]
fn links_pipes_and_devices_are_no_journals() {
    let place = Place::new();
    place.written(MAIN, 2);
    let (file, moved) = (place.of(MAIN), place.journal.with_file_name("moved"));
    fs::rename(&file, &moved).unwrap();
    let bytes = fs::read(&moved).unwrap();
    for target in [
        moved.as_path(),
        Path::new("/dev/zero"),
        Path::new("nowhere"),
    ] {
        std::os::unix::fs::symlink(target, &file).unwrap();
        let refused = place.refused();
        assert!(
            matches!(refused, JournalError::NotAFile { .. }),
            "{refused}"
        );
        fs::remove_file(&file).unwrap();
    }
    assert_eq!(fs::read(&moved).unwrap(), bytes);
    let pipe = std::process::Command::new("mkfifo").arg(&file).status();
    if pipe.is_ok_and(|status| status.success()) {
        assert!(matches!(place.refused(), JournalError::NotAFile { .. }));
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Training {
    id: String,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    loss: Option<f64>,
    seconds: f64,
}

impl Piece for Training {
    const MEASURED: &'static [&'static str] = &["/outcome/seconds"];

    fn piece(&self) -> String {
        self.id.clone()
    }
}

fn training(id: &str, loss: Option<f64>, seconds: f64) -> Training {
    Training {
        id: id.to_owned(),
        outcome: Outcome { loss, seconds },
    }
}

#[test]
fn plain_data_comes_back_as_it_was_and_measurements_do_not_contradict() {
    let place = Place::new();
    let open = |writer| Pieces::<Training>::open(&place.journal, KIND, writer, inputs());
    let (mut first, _) = open("a").unwrap();
    let (mut second, _) = open("b").unwrap();
    let one = training("one", Some(0.1 + 0.2), 1.0 / 3.0);
    first.append(one.clone()).unwrap();
    first.append(training("two", None, 2.0)).unwrap();
    second
        .append(training("one", Some(0.1 + 0.2), 5.0))
        .unwrap();
    let (merged, torn) = open("merge").unwrap();
    assert_eq!(torn, None);
    assert_eq!(merged.records(), [one.clone(), training("two", None, 2.0)]);
    assert_eq!(merged.get("one"), Some(&one));
    assert_eq!(merged.get("three"), None);
    second.append(training("two", Some(0.5), 2.0)).unwrap();
    let refused = open("last").unwrap_err();
    assert!(
        matches!(refused, JournalError::Contradiction { .. }),
        "{refused}"
    );
}

#[test]
fn a_record_that_says_something_else_is_named() {
    let place = Place::new();
    let mut journal = place.open(MAIN);
    journal.append(piece(0), b"{\"id\": 7}", b"[1]").unwrap();
    drop(journal);
    let opened = Pieces::<Training>::open(&place.journal, KIND, MAIN, inputs());
    let message = opened.unwrap_err().to_string();
    assert!(
        message.contains("main: record 1 cannot be understood"),
        "{message}"
    );
}
