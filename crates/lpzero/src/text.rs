//! Real text for the minibatch: a file and the tokenizer that reads it.

use std::path::{Path, PathBuf};

use lpzero_run::{ContentHash, Hasher};

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
}

impl Tokenizer {
    /// Reads a file. What it says of cutting and filling up texts is left out.
    ///
    /// # Errors
    ///
    /// Where it is not of the Hugging Face tokenizers library.
    pub fn read(path: &Path) -> Result<Self, TextError> {
        let inner = tokenizers::Tokenizer::from_file(path);
        let mut inner = inner.map_err(|error| failed(path, &error))?;
        inner
            .with_truncation(None)
            .map_err(|error| failed(path, &error))?
            .with_padding(None);
        let path = path.to_owned();
        Ok(Self { path, inner })
    }

    /// The tokens of a text, without special ones.
    ///
    /// # Errors
    ///
    /// What the library says.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let encoding = self.inner.encode(text, false);
        let encoding = encoding.map_err(|error| failed(&self.path, &error))?;
        Ok(encoding.get_ids().to_vec())
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

fn failed(tokenizer: &Path, error: &tokenizers::Error) -> TextError {
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
/// Where a file cannot be read.
pub fn all_tokens(path: &Path, tokenizer: &Path) -> Result<Vec<u32>, TextError> {
    encode(path, tokenizer, usize::MAX)
}

/// The first `count` tokens of the text in `path`, without special tokens.
///
/// # Errors
///
/// Where a file cannot be read or the text has fewer tokens than asked for.
pub fn tokens(path: &Path, tokenizer: &Path, count: usize) -> Result<Vec<u32>, TextError> {
    // A token spans several bytes, so a prefix of the text is enough however
    // long the file is.
    let mut ids = encode(path, tokenizer, count.saturating_mul(64))?;
    if ids.len() < count {
        return Err(TextError::TooShort {
            path: path.to_owned(),
            found: ids.len(),
            needed: count,
        });
    }
    ids.truncate(count);
    Ok(ids)
}

/// The tokens of the first `limit` bytes; invalid UTF-8 becomes replacement characters.
fn encode(path: &Path, tokenizer: &Path, limit: usize) -> Result<Vec<u32>, TextError> {
    let bytes = std::fs::read(path).map_err(|source| TextError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]);
    Tokenizer::read(tokenizer)?.tokens(text.as_ref())
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
        assert_eq!(tokens(&text, &tokenizer, 5).unwrap(), [0, 1, 2, 0, 3]);
        assert_eq!(tokens(&text, &tokenizer, 2).unwrap(), [0, 1]);
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
        let message = |result: Result<Vec<u32>, TextError>| result.unwrap_err().to_string();

        assert!(message(tokens(&text, &tokenizer, 5)).contains("text.txt"));
        std::fs::write(&text, "the cat").unwrap();
        assert!(
            message(tokens(&text, &tokenizer, 5)).contains("2 tokens, but the minibatch needs 5")
        );
        std::fs::write(&tokenizer, "{").unwrap();
        assert!(message(tokens(&text, &tokenizer, 2)).contains("tokenizer.json"));
    }
}
