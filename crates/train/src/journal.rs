//! Finished pieces of work on disk, such as the trainings of a build, so that what
//! was killed goes on where it stopped.
//!
//! A line a piece, appended as soon as it is finished: JSON, a tab, and the
//! first 16 digits of the line's BLAKE3 hash. The first line says what it is a
//! journal of. A last line that was cut short is cut off and its piece done again;
//! any other damage is an error.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use lpzero_truth::Trained;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What a journal is of.
#[derive(Clone, Copy, Debug)]
pub struct JournalKind {
    /// The value of `format` in its first line.
    pub format: &'static str,
    /// Of the records.
    pub version: u32,
    /// What the work is called in errors.
    pub work: &'static str,
}

impl JournalKind {
    /// The trainings of a build, one [`Record`] each.
    pub const TRAININGS: Self = Self {
        format: "lpzero-trainings",
        version: 1,
        work: "build",
    };
}

/// One finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which architecture.
    pub id: String,
    /// What came of it.
    pub trained: Trained,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// A hash of everything that the trainings are a function of.
    inputs: String,
}

/// What is finished, and where the next pieces go.
#[derive(Debug)]
pub struct Journal<R = Record> {
    path: PathBuf,
    file: File,
    records: Vec<R>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens a journal of these inputs, or begins one where there is none; also
    /// the number of bytes of a torn last line that were cut off. The caller sees
    /// to it that no other process has the file open.
    ///
    /// # Errors
    /// A file that cannot be read or written, that is damaged before its end, or
    /// that belongs to other inputs.
    pub fn open(path: &Path, kind: JournalKind, inputs: &str) -> Result<(Self, usize), Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(Error::written(path))?;
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        // What comes after the last line break was not written to its end.
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let torn = bytes.len() - whole;
        if torn > 0 {
            file.set_len(whole as u64).map_err(Error::written(path))?;
        }
        let wrong = |line: usize, what: &str| Error::Checkpoint {
            path: path.to_owned(),
            what: format!("line {line}: {what}"),
        };
        let work = kind.work;
        let damaged = "damaged; restore the file, or remove it to begin anew";
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| wrong(1, damaged))?;
        let mut lines = text.lines().enumerate();
        let header = Header {
            format: kind.format.into(),
            version: kind.version,
            inputs: inputs.to_owned(),
        };
        match lines.next() {
            None => file
                .write_all(&line(&header))
                .map_err(Error::written(path))?,
            Some((_, first)) => {
                let found: Header = checked(first).ok_or_else(|| wrong(1, damaged))?;
                if found != header {
                    let what = format!(
                        "of a {work} with other inputs, seed or version; continue with those that \
                         it was started with, or remove the file to begin anew"
                    );
                    return Err(wrong(1, &what));
                }
            }
        }
        let records = lines.map(|(i, line)| checked(line).ok_or_else(|| wrong(i + 1, damaged)));
        let journal = Journal {
            path: path.to_owned(),
            file,
            records: records.collect::<Result<_, _>>()?,
        };
        Ok((journal, torn))
    }

    /// What is finished, in the order in which it was.
    pub fn records(&self) -> &[R] {
        &self.records
    }

    /// Appends a finished piece, on the disk when this returns.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn append(&mut self, record: R) -> Result<(), Error> {
        let written = self.file.write_all(&line(&record));
        written
            .and_then(|()| self.file.sync_data())
            .map_err(Error::written(&self.path))?;
        self.records.push(record);
        Ok(())
    }
}

fn line(record: &impl Serialize) -> Vec<u8> {
    // Plain data with finite numbers: this cannot fail.
    let text = serde_json::to_string(record).unwrap_or_default();
    let hash = blake3::hash(text.as_bytes()).to_hex();
    format!("{text}\t{}\n", &hash[..16]).into_bytes()
}

fn checked<T: for<'a> Deserialize<'a>>(line: &str) -> Option<T> {
    let (text, hash) = line.rsplit_once('\t')?;
    let expected = blake3::hash(text.as_bytes()).to_hex();
    (expected[..16] == *hash).then(|| serde_json::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KIND: JournalKind = JournalKind::TRAININGS;

    fn record(seed: u64) -> Record {
        Record {
            id: "1x16-h1-f16".into(),
            trained: Trained {
                seed,
                metric: 2.5 + seed as f64 / 3.0,
                seconds: 1.25,
            },
        }
    }

    #[test]
    fn what_is_appended_is_there_again_and_a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, torn) = Journal::open(&path, KIND, "a").unwrap();
        assert_eq!((journal.records().len(), torn), (0, 0));
        journal.append(record(0)).unwrap();
        journal.append(record(1)).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 20] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, torn) = Journal::open(&path, KIND, "a").unwrap();
            assert!(torn > 0);
            assert_eq!(journal.records(), [record(0)]);
            journal.append(record(1)).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn damage_and_other_inputs_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path, KIND, "a").unwrap();
        journal.append(record(0)).unwrap();
        journal.append(record(1)).unwrap();
        let other = Journal::<Record>::open(&path, KIND, "b")
            .unwrap_err()
            .to_string();
        assert!(
            other.contains("line 1: of a build with other inputs"),
            "{other}"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("2.5", "2.6", 1)).unwrap();
        let damaged = Journal::<Record>::open(&path, KIND, "a")
            .unwrap_err()
            .to_string();
        assert!(damaged.contains("line 2: damaged"), "{damaged}");
    }
}
