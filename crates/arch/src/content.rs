//! Contents of files before they are parsed: byte-order marks, and files that are not what
//! their name says.

/// A beginning by which a file is known to be another than its name says.
struct Beginning {
    bytes: &'static [u8],
    /// What it is, and what to do, as a sentence goes on behind the file's name.
    what: &'static str,
}

const BEGINNINGS: [Beginning; 10] = [
    Beginning {
        bytes: b"version https://git-lfs.github.com/",
        what: "a Git LFS pointer and not the file: run `git lfs pull`",
    },
    Beginning {
        bytes: b"version https://hawser.github.com/",
        what: "a Git LFS pointer and not the file: run `git lfs pull`",
    },
    Beginning {
        bytes: b"PK\x03\x04",
        what: "a ZIP archive, as torch.save writes them, which is not read",
    },
    Beginning {
        bytes: b"\x80\x02",
        what: "a pickle, as torch.save wrote them, which is not read",
    },
    Beginning {
        bytes: b"GGUF",
        what: "a GGUF file, which is not read",
    },
    Beginning {
        bytes: b"\x89HDF",
        what: "an HDF5 file, which is not read",
    },
    Beginning {
        bytes: b"\x1f\x8b",
        what: "compressed by gzip: unpack it first",
    },
    Beginning {
        bytes: b"\x28\xb5\x2f\xfd",
        what: "compressed by zstd: unpack it first",
    },
    Beginning {
        bytes: b"<!DOCTYPE",
        what: "a web page and not the file: download it again",
    },
    Beginning {
        bytes: b"<html",
        what: "a web page and not the file: download it again",
    },
];

const MARK: char = '\u{feff}';

/// What a file is by its first bytes, where it is none that this project reads: a Git LFS
/// pointer, an archive, a web page. Goes on behind the file's name.
pub fn not_text(bytes: &[u8]) -> Option<&'static str> {
    let mut known = BEGINNINGS.iter();
    let found = known.find(|beginning| {
        let start = bytes.get(..beginning.bytes.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.bytes))
    });
    found.map(|beginning| beginning.what)
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
    }
}
