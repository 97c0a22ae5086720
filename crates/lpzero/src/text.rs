//! Real text for the minibatch: a file and the tokenizer that reads it.

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

/// Why text could not be turned into tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The text cannot be read.
    #[error("{path}: the text cannot be read: {source}")]
    Read {
        /// The text file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The tokenizer cannot be read.
    #[error("{path}: not a tokenizer.json of the Hugging Face tokenizers library: {message}")]
    Tokenizer {
        /// The tokenizer file.
        path: PathBuf,
        /// What its reader said.
        message: String,
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

/// The size of a tokenizer's vocabulary.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn vocabulary(tokenizer: &Path) -> Result<usize, TextError> {
    Ok(read(tokenizer)?.get_vocab_size(true))
}

fn read(path: &Path) -> Result<Tokenizer, TextError> {
    Tokenizer::from_file(path).map_err(|error| failed(path, &error))
}

fn failed(tokenizer: &Path, error: &tokenizers::Error) -> TextError {
    TextError::Tokenizer {
        path: tokenizer.to_owned(),
        message: error.to_string(),
    }
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
    let encoding = read(tokenizer)?.encode(text.as_ref(), false);
    let encoding = encoding.map_err(|error| failed(tokenizer, &error))?;
    Ok(encoding.get_ids().to_vec())
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
