//! Names of things by what they say.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;

use crate::{Cancel, input};

/// A BLAKE3 hash: what says the same has the same, wherever it stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; Self::LENGTH]);

impl ContentHash {
    /// Number of its bytes.
    pub const LENGTH: usize = blake3::OUT_LEN;

    /// The hash of everything that a plain description says, as JSON.
    ///
    /// # Panics
    /// Where the description cannot be JSON, such as a map with keys that are no text.
    pub fn of(description: &impl Serialize) -> Self {
        let mut hasher = Hasher::new();
        serde_json::to_writer(&mut hasher, description)
            .expect("a description is plain data and a hasher takes every byte");
        hasher.finish()
    }

    /// The hash of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The hash of what a file holds, read in pieces.
    ///
    /// # Errors
    /// A file that cannot be read; [`io::ErrorKind::Interrupted`] where `cancel` is raised.
    pub fn of_file(path: &Path, cancel: &Cancel) -> io::Result<Self> {
        let (mut file, _) = input::open(path)?;
        let mut hasher = Hasher::new();
        let mut piece = vec![0; 1 << 20];
        loop {
            if cancel.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match file.read(&mut piece)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&piece[..read]),
            };
        }
    }

    /// A hash that was written as bytes.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The hash as bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The first hexadecimal digits.
    pub fn digits(&self, count: usize) -> String {
        let mut digits = self.to_string();
        digits.truncate(count);
        digits
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// A [`ContentHash`] under way, of whatever is written to it.
#[derive(Clone, Debug, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// The hash of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The hash of everything so far.
    pub fn finish(&self) -> ContentHash {
        ContentHash(*self.0.finalize().as_bytes())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_has_one_hash() {
        assert_eq!(ContentHash::of(&[1, 2]), ContentHash::of(&vec![1, 2]));
        assert_ne!(ContentHash::of(&[1, 2]), ContentHash::of(&[2, 1]));
        assert_eq!(ContentHash::of(&[1, 2]), ContentHash::of_bytes(b"[1,2]"));
        let mut hasher = Hasher::new();
        hasher.update(b"[1,").update(b"2]");
        assert_eq!(hasher.finish(), ContentHash::of(&[1, 2]));
    }

    #[test]
    fn a_file_has_the_hash_of_its_bytes() -> io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        let bytes = vec![7; (1 << 20) + 3];
        std::fs::write(file.path(), &bytes)?;
        let hash = ContentHash::of_file(file.path(), &Cancel::NEVER)?;
        assert_eq!(hash, ContentHash::of_bytes(&bytes));
        let cancel = Cancel::new();
        cancel.cancel();
        let cancelled = ContentHash::of_file(file.path(), &cancel).map_err(|error| error.kind());
        assert_eq!(cancelled, Err(io::ErrorKind::Interrupted));
        Ok(())
    }

    #[test]
    fn digits_are_those_of_blake3() {
        let hash = blake3::hash(b"network").to_hex();
        assert_eq!(ContentHash::of_bytes(b"network").to_string(), *hash);
        assert_eq!(ContentHash::of_bytes(b"network").digits(12), hash[..12]);
    }
}
