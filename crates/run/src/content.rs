//! Contents of files before they are parsed: byte-order marks, and files that are not what
//! their name says.

/// Beginnings by which files are known to be another thing than their names say, and what
/// they are, as a sentence goes on behind the file's name.
struct Kind {
    beginnings: &'static [&'static [u8]],
    what: &'static str,
    /// Whether a corpus may be of such files.
    prose: bool,
}

const fn kind(beginnings: &'static [&'static [u8]], what: &'static str) -> Kind {
    Kind {
        beginnings,
        what,
        prose: false,
    }
}

/// Long enough that no table and no text begins so by chance.
const KINDS: [Kind; 13] = [
    kind(
        &[
            b"version https://git-lfs.github.com/",
            b"version https://hawser.github.com/",
        ],
        "a Git LFS pointer and not the file: run `git lfs pull`",
    ),
    kind(
        &[b"PK\x03\x04"],
        "a ZIP archive, as torch.save and spreadsheets write them, which is not read",
    ),
    kind(
        &[b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"],
        "a pickle, as torch.save wrote them, which is not read",
    ),
    kind(
        &[b"GGUF\x01\0", b"GGUF\x02\0", b"GGUF\x03\0"],
        "a GGUF file, which is not read",
    ),
    kind(&[b"\x89HDF"], "an HDF5 file, which is not read"),
    kind(&[b"\x93NUMPY"], "an array of NumPy, which is not read"),
    kind(
        &[b"PAR1\x15", b"ARROW1\0\0"],
        "a Parquet or Arrow file, which is not read: write it as CSV",
    ),
    kind(&[b"SQLite format 3\0"], "a database, which is not read"),
    kind(&[b"%PDF-"], "a PDF, which is not read"),
    kind(&[b"\x1f\x8b"], "compressed by gzip: unpack it first"),
    kind(
        &[b"\x28\xb5\x2f\xfd"],
        "compressed by zstd: unpack it first",
    ),
    kind(
        &[b"\xfd7zXZ", b"BZh91AY&SY", b"7z\xbc\xaf"],
        "compressed by xz, bzip2 or 7-Zip: unpack it first",
    ),
    Kind {
        beginnings: &[b"<!DOCTYPE", b"<html"],
        what: "a web page and not the file: download it again",
        prose: true,
    },
];

const MARK: char = '\u{feff}';

/// What a file is by its first bytes, where it is none that this project reads: a Git LFS
/// pointer, an archive, a web page. Goes on behind the file's name.
pub fn not_text(bytes: &[u8]) -> Option<&'static str> {
    what(bytes, |_| true)
}

/// As [`not_text`] for a corpus, which may be of web pages.
pub fn not_prose(bytes: &[u8]) -> Option<&'static str> {
    what(bytes, |kind| !kind.prose)
}

fn what(bytes: &[u8], counts: impl Fn(&Kind) -> bool) -> Option<&'static str> {
    let begins = |beginning: &&[u8]| {
        let start = bytes.get(..beginning.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    let mut known = KINDS.iter().filter(|kind| counts(kind));
    let found = known.find(|kind| kind.beginnings.iter().any(begins));
    found.map(|kind| kind.what)
}

/// Text without the byte-order mark at its beginning.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pointers_archives_and_web_pages_are_known() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0";
        assert!(not_text(pointer).unwrap().contains("git lfs pull"));
        assert!(not_text(b"<!doctype html>").unwrap().contains("web page"));
        assert!(not_text(b"PK\x03\x04rest").is_some());
        assert_eq!(not_text(b"{\"model_type\": \"llama\"}"), None);
        assert_eq!(not_text(b""), None);
        for text in [
            "par1,par2,score",
            "gguf is a format",
            "PK",
            "<!doctype html>",
        ] {
            assert_eq!(not_prose(text.as_bytes()), None, "{text}");
        }
        assert!(not_prose(pointer).is_some());
    }
}
