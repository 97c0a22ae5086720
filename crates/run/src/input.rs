//! Input files: regular files of a limited size, and no bytes beyond their length.
//!
//! A pipe may never end, a device never does, and a hole of gigabytes takes no disk. None
//! of them is opened or read here. Every reader of a file that a user names comes through
//! this door, with a [`Limit`] of its own.
//!
//! Errors are those of the system, or say in one sentence what the file is instead.

use std::fmt;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::path::Path;

use crate::content;

/// The most bytes that a kind of file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The kind with its article, such as "a table".
    pub what: &'static str,
    /// Most bytes.
    pub bytes: u64,
}

impl Limit {
    /// A limit in units of 2^20 bytes.
    pub const fn mebibytes(what: &'static str, mebibytes: u64) -> Self {
        let bytes = mebibytes << 20;
        Self { what, bytes }
    }
}

/// Opens a regular file of any size; returns its length in bytes as well. For readers
/// that take a part of it.
///
/// # Errors
/// What the system says, or what stands there instead of a regular file.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    // Before it is opened: a pipe without a writer would wait for one.
    regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    // Another file may have taken its place meanwhile.
    let found = file.metadata()?;
    regular(&found)?;
    Ok((file, found.len()))
}

/// Refuses what is no regular file and could not be opened without waiting. A path where
/// nothing is passes: a file may be made there.
///
/// # Errors
/// What stands there instead of a regular file.
pub fn check_place(path: &Path) -> io::Result<()> {
    fs::metadata(path).map_or(Ok(()), |found| regular(&found))
}

/// All bytes of a file.
///
/// # Errors
/// As [`open`], and a file of more bytes than the limit.
pub fn read(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    if length > limit.bytes {
        let message = format!(
            "{}, more than the {} that {} may have",
            Size(length),
            Size(limit.bytes),
            limit.what
        );
        return Err(refused(message));
    }
    first(file, length)
}

/// Zero bytes in a row that no text has: they are a hole in the file.
const HOLE: usize = 512;

/// Bytes that are to be text, unless a hole is in them.
///
/// # Errors
/// Where there is one.
pub fn without_hole(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut chunks = bytes.chunks_exact(HOLE);
    match chunks.any(|chunk| chunk.iter().all(|&byte| byte == 0)) {
        true => Err(refused("a hole of zero bytes, expected text".to_owned())),
        false => Ok(bytes),
    }
}

/// The text of a file, without a byte-order mark.
///
/// # Errors
/// As [`read`] and [`text`].
pub fn read_text(path: &Path, limit: Limit) -> io::Result<String> {
    text(read(path, limit)?)
}

/// Text of UTF-8, with or without a byte-order mark, or of UTF-16 with one; the mark is
/// left out.
///
/// # Errors
/// A hole, a file that is known to be [something else](content::not_text), and bytes that
/// are no text.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    if let Some(what) = content::not_text(&bytes) {
        return Err(refused(what.to_owned()));
    }
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2) {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return utf8(without_hole(bytes)?),
    };
    let (pairs, rest) = bytes[2..].as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match (String::from_utf16(&units), rest) {
        (Ok(text), []) => Ok(text),
        _ => Err(refused("not the UTF-16 text that it begins as".to_owned())),
    }
}

fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    let text = String::from_utf8(bytes)
        .map_err(|error| refused(format!("not UTF-8 text: {}", error.utf8_error())))?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// The first bytes of a file of any size, at most `bytes` of them.
///
/// # Errors
/// As [`open`].
pub fn read_first(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    first(file, length.min(bytes))
}

fn first(file: File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // Files of the kernel say that they are empty, and some then wait to be read.
    if bytes > 0 {
        content.try_reserve_exact(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        file.take(bytes).read_to_end(&mut content)?;
    }
    Ok(content)
}

fn regular(found: &Metadata) -> io::Result<()> {
    match found.is_file() {
        true => Ok(()),
        false => Err(refused(format!(
            "{}, expected a regular file",
            kind(found.file_type())
        ))),
    }
}

#[cfg(unix)]
fn kind(found: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match found {
        _ if found.is_dir() => "a folder",
        _ if found.is_fifo() => "a pipe",
        _ if found.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind(found: FileType) -> &'static str {
    match found.is_dir() {
        true => "a folder",
        false => "a device",
    }
}

/// An error of what the user gave, in words.
pub fn refused(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Bytes, as people say them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        for (power, unit) in units {
            let one = 1_u64 << power;
            if self.0 >= one {
                let number = self.0 as f64 / one as f64;
                return match self.0 % one {
                    0 => write!(f, "{number} {unit}"),
                    _ => write!(f, "{number:.2} {unit}"),
                };
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOTE: Limit = Limit {
        what: "a note",
        bytes: 2048,
    };

    #[test]
    fn a_file_is_read_to_its_end_and_no_further_than_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        fs::write(&path, "\u{feff}äb").unwrap();
        assert_eq!(read_text(&path, NOTE).unwrap(), "äb");
        assert_eq!(read_first(&path, 3).unwrap(), [0xef, 0xbb, 0xbf]);
        assert_eq!(read_first(&path, u64::MAX).unwrap().len(), 6);
        fs::write(&path, [0xff]).unwrap();
        let error = read_text(&path, NOTE).unwrap_err().to_string();
        assert!(error.starts_with("not UTF-8 text: "), "{error}");
        fs::write(&path, [b' '; 2048]).unwrap();
        assert_eq!(read(&path, NOTE).unwrap().len(), 2048);
        File::create(&path).unwrap().set_len(1024).unwrap();
        let error = read_text(&path, NOTE).unwrap_err().to_string();
        assert_eq!(error, "a hole of zero bytes, expected text");
        File::create(&path).unwrap().set_len(3 << 40).unwrap();
        assert_eq!(
            read(&path, NOTE).unwrap_err().to_string(),
            "3072 GiB, more than the 2 KiB that a note may have"
        );
        let gone = read(&folder.path().join("none"), NOTE).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_known_to_be_something_else_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        fs::write(&path, "version https://git-lfs.github.com/spec/v1\n").unwrap();
        let error = read_text(&path, NOTE).unwrap_err().to_string();
        assert!(error.contains("run `git lfs pull`"), "{error}");
    }

    #[test]
    fn marks_are_passed_over_in_every_width() {
        let text = "{\"a\": \"\u{e9}\"}";
        let eight = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let units = || "\u{feff}".encode_utf16().chain(text.encode_utf16());
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes().to_vec(), eight, little, big] {
            assert_eq!(super::text(bytes).unwrap(), text);
        }
        assert!(super::text(vec![0x80, 0x81]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| read(path, NOTE).unwrap_err().to_string();
        assert_eq!(message(folder.path()), "a folder, expected a regular file");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert_eq!(message(&pipe), "a pipe, expected a regular file");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(message(&socket), "a socket, expected a regular file");
        assert!(check_place(&pipe).is_err());
        assert!(check_place(&folder.path().join("none")).is_ok());
        for device in ["/dev/zero", "/dev/null"] {
            assert_eq!(
                message(Path::new(device)),
                "a device, expected a regular file"
            );
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_the_kernel_is_as_long_as_it_says() {
        assert_eq!(read(Path::new("/proc/self/environ"), NOTE).unwrap(), b"");
    }
}
