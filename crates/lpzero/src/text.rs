//! Real text for the minibatch: a file and the tokenizer that reads it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use lpzero_run::input::{self, Limit};
use lpzero_run::{ContentHash, Hasher, content};
use serde::Deserialize;

/// Size of the largest text that is read to its end.
const TEXT: Limit = Limit::mebibytes("a text that is read to its end", 1024);
/// Size of the largest tokenizer.
const TOKENIZER: Limit = Limit::mebibytes("a tokenizer", 256);
/// Bytes of a text that are tokenized at once: the library takes some fifty times as many.
const PIECE: usize = 4 << 20;
/// One character of so many may be broken in a text.
const BROKEN: usize = 100;
/// Share of unknown tokens from which on text and tokenizer do not fit each other.
const UNKNOWN: f64 = 0.01;

/// Why text could not be turned into tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The text cannot be read.
    #[error("{path}: the text cannot be read: {source}")]
    Read {
        /// The text file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The tokenizer cannot be read.
    #[error("{path}: not a tokenizer.json of the Hugging Face tokenizers library: {message}")]
    Tokenizer {
        /// The tokenizer file.
        path: PathBuf,
        /// Error of the tokenizer's reader.
        message: String,
    },
    /// An answer that cannot be scored behind its prompt.
    #[error(
        "item {index}: the answer {choice:?} is {tokens} of {all} tokens, but needs 1 at least, one before it, and no more than {positions} together"
    )]
    Answer {
        /// Number of the item, from 0.
        index: usize,
        /// The answer.
        choice: String,
        /// Tokens of the answer.
        tokens: usize,
        /// Tokens of prompt and answer.
        all: usize,
        /// Most tokens of a sequence.
        positions: usize,
    },
    /// The text is too short for one minibatch.
    #[error(
        "{path}: {found} tokens, but the minibatch needs {needed}; give a longer text or lower --batch or --positions"
    )]
    TooShort {
        /// The text file.
        path: PathBuf,
        /// Tokens in the text.
        found: usize,
        /// Tokens in the minibatch.
        needed: usize,
    },
}

impl TextError {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Read { source, .. } => !lpzero_run::is_machines_fault(source),
            Self::Tokenizer { .. } | Self::Answer { .. } | Self::TooShort { .. } => true,
        }
    }
}

/// The size of a tokenizer's vocabulary.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn vocabulary(tokenizer: &Path) -> Result<usize, TextError> {
    Ok(Tokenizer::read(tokenizer)?.inner.get_vocab_size(true))
}

/// A `tokenizer.json`, read.
pub struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
    /// The token of whatever the tokenizer does not know; many have none.
    unknown: Option<u32>,
}

/// A text as a network reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenized {
    /// Ids of the tokens.
    pub tokens: Vec<u32>,
    /// Bytes of the text.
    pub bytes: usize,
    /// Warning that text and tokenizer do not fit each other.
    pub remark: Option<String>,
}

/// What a `tokenizer.json` says of unknown tokens: by text, or by number (unigrams).
#[derive(Deserialize)]
struct File {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    unk_id: Option<u32>,
}

impl Tokenizer {
    /// Reads a file. What it says of cutting and filling up texts is left out.
    ///
    /// # Errors
    ///
    /// Where it is not of the Hugging Face tokenizers library.
    pub fn read(path: &Path) -> Result<Self, TextError> {
        let bytes = input::read(path, TOKENIZER).map_err(|error| failed(path, &error))?;
        if let Some(what) = content::not_text(&bytes) {
            return Err(failed(path, &what));
        }
        let inner = tokenizers::Tokenizer::from_bytes(&bytes);
        let mut inner = inner.map_err(|error| failed(path, &error))?;
        inner
            .with_truncation(None)
            .map_err(|error| failed(path, &error))?
            .with_padding(None);
        // The library has read the file, so this cannot go wrong where it matters.
        let model = serde_json::from_slice(&bytes).map(|file: File| file.model);
        let unknown = model.ok().and_then(|model| {
            let by_text = model.unk_token.and_then(|text| inner.token_to_id(&text));
            by_text.or(model.unk_id)
        });
        Ok(Self {
            path: path.to_owned(),
            inner,
            unknown,
        })
    }

    /// All tokens of the text in `path`, without special ones.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, is larger than a gibibyte, or is no text.
    pub fn read_all(&self, path: &Path) -> Result<Tokenized, TextError> {
        let bytes = read(path)?;
        let tokens = self.tokens(&characters(path, &bytes)?)?;
        Ok(self.tokenized(path, tokens, bytes.len()))
    }

    fn tokenized(&self, path: &Path, tokens: Vec<u32>, bytes: usize) -> Tokenized {
        let unknown = tokens.iter().filter(|id| Some(**id) == self.unknown);
        let share = unknown.count() as f64 / tokens.len().max(1) as f64;
        let remark = (share > UNKNOWN).then(|| {
            format!(
                "{}: {:.0} % of its tokens are unknown to {}; expected the tokenizer that \
                 the network was made for",
                path.display(),
                100.0 * share,
                self.path.display()
            )
        });
        Tokenized {
            tokens,
            bytes,
            remark,
        }
    }

    /// The token that every text begins with, where the tokenizer puts one there.
    ///
    /// # Errors
    ///
    /// What the library says.
    pub fn start(&self) -> Result<Option<u32>, TextError> {
        let encoding = self.inner.encode("a", true);
        let encoding = encoding.map_err(|error| failed(&self.path, &error))?;
        let mut begin = encoding
            .get_ids()
            .iter()
            .zip(encoding.get_special_tokens_mask());
        Ok(begin
            .next()
            .filter(|(_, special)| **special == 1)
            .map(|(id, _)| *id))
    }

    /// The tokens of a text, without special ones. A text of many mebibytes is taken in
    /// pieces that end with a line.
    ///
    /// # Errors
    ///
    /// What the library says.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let (mut tokens, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(piece(rest, PIECE));
            let encoding = self.inner.encode(piece, false);
            let encoding = encoding.map_err(|error| failed(&self.path, &error))?;
            tokens.extend_from_slice(encoding.get_ids());
            rest = behind;
        }
        Ok(tokens)
    }

    /// The tokens of a prompt and what follows it, tokenized as one text, with special
    /// tokens before them as the file says; and how many of the last ones reach behind
    /// the prompt.
    ///
    /// # Errors
    ///
    /// What the library says.
    pub fn continuation(
        &self,
        prompt: &str,
        continuation: &str,
    ) -> Result<(Vec<u32>, usize), TextError> {
        let encoding = self.inner.encode(format!("{prompt}{continuation}"), true);
        let encoding = encoding.map_err(|error| failed(&self.path, &error))?;
        let mut ids = encoding.get_ids().to_vec();
        // Special tokens stand nowhere in the text, at (0, 0).
        let behind = |(_, end): &(usize, usize)| *end > prompt.len();
        let offsets = encoding.get_offsets();
        let (first, last) = (
            offsets.iter().position(behind),
            offsets.iter().rposition(behind),
        );
        let (Some(first), Some(last)) = (first, last) else {
            return Ok((ids, 0));
        };
        ids.truncate(last + 1);
        Ok((ids, last + 1 - first))
    }
}

/// Where the first piece of a text ends, of at most `most` bytes: with a line between
/// two others that are not blank, else with a line, else anywhere.
fn piece(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let end = text.floor_char_boundary(most);
    let bytes = text.as_bytes();
    let blank = |at: usize| bytes[at].is_ascii_whitespace();
    let lines = || (1..end).rev().filter(|&at| bytes[at - 1] == b'\n');
    let between = |at: &usize| *at >= 2 && !blank(*at) && !blank(*at - 2);
    let found = lines().find(between).or_else(|| lines().next());
    found.unwrap_or(end)
}

fn failed(tokenizer: &Path, error: &impl ToString) -> TextError {
    TextError::Tokenizer {
        path: tokenizer.to_owned(),
        message: error.to_string(),
    }
}

/// The hash of tokens: of all that a training or a pass knows of a text.
pub fn hash(tokens: &[u32]) -> ContentHash {
    let mut hasher = Hasher::new();
    for token in tokens {
        hasher.update(&token.to_le_bytes());
    }
    hasher.finish()
}

/// All tokens of the text in `path`, without special tokens.
///
/// # Errors
///
/// Where a file cannot be read, or the text is larger than a gibibyte.
pub fn all_tokens(path: &Path, tokenizer: &Path) -> Result<Tokenized, TextError> {
    Tokenizer::read(tokenizer)?.read_all(path)
}

/// The bytes of a text of no more than a gibibyte, without a hole.
fn read(path: &Path) -> Result<Vec<u8>, TextError> {
    prose(path, input::read(path, TEXT))
}

/// The first `count` tokens of the text in `path`, without special tokens. No more of it
/// is read than that takes.
///
/// # Errors
///
/// Where a file cannot be read or the text has fewer tokens than asked for.
pub fn tokens(path: &Path, tokenizer: &Path, count: usize) -> Result<Tokenized, TextError> {
    let tokenizer = Tokenizer::read(tokenizer)?;
    // A token spans several bytes, but blank ones may belong to none.
    let mut bytes = (count as u64).saturating_mul(64).min(TEXT.bytes);
    loop {
        let text = prose(path, input::read_first(path, bytes))?;
        let mut ids = tokenizer.tokens(&characters(path, &text)?)?;
        if ids.len() >= count {
            ids.truncate(count);
            return Ok(tokenizer.tokenized(path, ids, text.len()));
        }
        if (text.len() as u64) < bytes || bytes == TEXT.bytes {
            return Err(TextError::TooShort {
                path: path.to_owned(),
                found: ids.len(),
                needed: count,
            });
        }
        bytes = bytes.saturating_mul(8).min(TEXT.bytes);
    }
}

/// Refuses a text that was not read, one with a hole, which would be tokenized for ever,
/// and what is known to be another kind of file.
fn prose(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<Vec<u8>, TextError> {
    let filled = bytes.and_then(input::without_hole);
    let known = filled.and_then(|bytes| match content::not_prose(&bytes) {
        Some(what) => Err(input::refused(what.to_owned())),
        None => Ok(bytes),
    });
    known.map_err(|source| unread(path, source))
}

/// Characters of a text in UTF-8. One that is broken here and there is read, with
/// replacement characters; text in another encoding would be other tokens, and is refused.
///
/// # Errors
///
/// More broken characters than a UTF-8 text has.
fn characters<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, str>, TextError> {
    let text = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let message = "UTF-16 text, expected UTF-8".to_owned();
            return Err(unread(path, input::refused(message)));
        }
        _ => String::from_utf8_lossy(bytes),
    };
    if let Cow::Owned(lossy) = &text {
        let broken = lossy.matches(char::REPLACEMENT_CHARACTER).count();
        // The last one may have been cut by the end of what was read.
        if broken.saturating_sub(1) > lossy.chars().count() / BROKEN {
            let message = format!("not UTF-8 text: {broken} characters are broken");
            return Err(unread(path, input::refused(message)));
        }
    }
    Ok(text)
}

fn unread(path: &Path, source: io::Error) -> TextError {
    TextError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn word_tokenizer(folder: &Path) -> PathBuf {
        let path = folder.join("tokenizer.json");
        std::fs::write(
            &path,
            r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
                "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,
                "decoder":null,"model":{"type":"WordLevel",
                "vocab":{"the":0,"cat":1,"sat":2,"?":3},"unk_token":"?"}}"#,
        )
        .unwrap();
        path
    }

    #[test]
    fn a_text_becomes_the_tokens_of_its_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = word_tokenizer(folder.path());
        let text = folder.path().join("text.txt");
        std::fs::write(&text, "the cat sat the dog").unwrap();
        let read = tokens(&text, &tokenizer, 5).unwrap();
        assert_eq!(read.tokens, [0, 1, 2, 0, 3]);
        assert!(
            read.remark
                .unwrap()
                .contains("20 % of its tokens are unknown")
        );
        let read = tokens(&text, &tokenizer, 2).unwrap();
        assert_eq!((read.tokens, read.remark), (vec![0, 1], None));
    }

    #[test]
    fn a_text_is_read_as_far_as_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = word_tokenizer(folder.path());
        let path = folder.path().join("text.txt");
        let text = format!("the cat {} sat", " ".repeat(100_000));
        std::fs::write(&path, text).unwrap();
        assert_eq!(tokens(&path, &tokenizer, 3).unwrap().tokens, [0, 1, 2]);
        // What stands behind is not looked at.
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        assert_eq!(tokens(&path, &tokenizer, 2).unwrap().tokens, [0, 1]);
        let refused = |found: Result<Tokenized, TextError>| found.unwrap_err().to_string();
        let hole = refused(tokens(&path, &tokenizer, 9));
        assert!(hole.contains("a hole of zero bytes"), "{hole}");
        let large = refused(all_tokens(&path, &tokenizer));
        assert!(large.contains("1024 GiB, more than the 1 GiB"), "{large}");
    }

    #[test]
    fn a_long_text_is_cut_between_lines() {
        let text = "ab\n\ncd\nef";
        assert_eq!(piece(text, 10), 9);
        assert_eq!(piece(text, 8), 7);
        assert_eq!(piece(text, 6), 4);
        assert_eq!(piece("äöü", 3), 2);
    }

    #[test]
    fn a_continuation_is_what_reaches_behind_the_prompt() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = Tokenizer::read(&word_tokenizer(folder.path())).unwrap();
        let of = |prompt, text| tokenizer.continuation(prompt, text).unwrap();
        assert_eq!(of("the cat", " sat the"), (vec![0, 1, 2, 0], 2));
        assert_eq!(of("the ca", "t sat"), (vec![0, 1, 2], 2));
        assert_eq!(of("", "the"), (vec![0], 1));
        assert_eq!(of("the", " "), (vec![0], 0));
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = word_tokenizer(folder.path());
        let text = folder.path().join("text.txt");
        let message = |result: Result<Tokenized, TextError>| result.unwrap_err().to_string();

        assert!(message(tokens(&text, &tokenizer, 5)).contains("text.txt"));
        std::fs::write(&text, "the cat").unwrap();
        assert!(
            message(tokens(&text, &tokenizer, 5)).contains("2 tokens, but the minibatch needs 5")
        );
        std::fs::write(&tokenizer, "{").unwrap();
        assert!(message(tokens(&text, &tokenizer, 2)).contains("tokenizer.json"));
    }

    #[test]
    fn what_is_no_text_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = word_tokenizer(folder.path());
        let path = folder.path().join("text.txt");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
        let utf16: Vec<u8> = "\u{feff}the cat sat"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let latin: Vec<u8> = b"th\xe9 cat s\xe4t ".repeat(40);
        let wrong: [(&[u8], &str); 4] = [
            (pointer, "git lfs pull"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (&utf16, "UTF-16"),
            (&latin, "not UTF-8 text"),
        ];
        for (bytes, part) in wrong {
            std::fs::write(&path, bytes).unwrap();
            for outcome in [tokens(&path, &tokenizer, 1), all_tokens(&path, &tokenizer)] {
                let error = outcome.unwrap_err();
                assert!(error.is_input());
                assert!(error.to_string().contains(part), "{error}");
            }
        }
        let mut broken = "the cat sat ".repeat(99).into_bytes();
        broken.push(0xff);
        std::fs::write(&path, &broken).unwrap();
        assert!(all_tokens(&path, &tokenizer).is_ok());
        std::fs::write(&path, "<!doctype html> the cat").unwrap();
        assert!(all_tokens(&path, &tokenizer).is_ok());
        std::fs::write(&tokenizer, pointer).unwrap();
        let error = all_tokens(&path, &tokenizer).unwrap_err().to_string();
        assert!(error.contains("git lfs pull"), "{error}");
    }
}
