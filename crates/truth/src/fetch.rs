//! Downloading published ground truths: only the bytes that are pinned, resumed
//! where a download was cut, and in place all at once when they are complete.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use lpzero_run::{Cancel, open_own};

use crate::known::Known;

/// A file that may be fetched, and its only contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Below the address and below the folder; slashes between.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// BLAKE3, hexadecimal.
    pub hash: String,
}

/// How to download.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Another address to take the files from, in place of the published one.
    pub from: Option<String>,
    /// Files at a time.
    pub connections: usize,
    /// Until a connection stands, and until an answer begins.
    pub answer: Duration,
    /// Until the whole of a file is there.
    pub body: Duration,
    /// The proxy, such as `http://proxy:3128`.
    pub proxy: Option<String>,
}

impl Default for FetchOptions {
    /// Four connections, 30 seconds for an answer and five minutes for a file.
    fn default() -> Self {
        Self {
            from: None,
            connections: 4,
            answer: Duration::from_secs(30),
            body: Duration::from_secs(300),
            proxy: None,
        }
    }
}

/// Why a ground truth could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody has pinned what its files hold.
    #[error(
        "{name}: its files are not pinned, so they cannot be fetched; put a copy of {published} \
         into {}", place.display()
    )]
    NotPinned {
        /// The ground truth.
        name: &'static str,
        /// Where it is published.
        published: &'static str,
        /// Where a copy belongs.
        place: PathBuf,
    },
    /// The server did not give the file.
    #[error("{url}: {reason}; what is complete is kept, run the same command again to continue")]
    Download {
        /// The address.
        url: String,
        /// Reason of the failure, in words.
        reason: String,
    },
    /// A downloaded file is not the published one.
    #[error("{url}: not the published file: its BLAKE3 hash is {found}, expected {expected}")]
    Checksum {
        /// The address.
        url: String,
        /// The hash of what came.
        found: String,
        /// The pinned hash.
        expected: String,
    },
    /// The proxy is no proxy.
    #[error("{proxy:?} is not the address of a proxy: {reason}")]
    Proxy {
        /// Proxy as it was given.
        proxy: String,
        /// Reason why it is not an address.
        reason: String,
    },
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The caller cancelled.
    #[error("cancelled; run the same command again to continue")]
    Cancelled,
}

/// Bytes that are there, of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetching {
    /// Bytes that are there.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// Fetches a ground truth into the data folder `data`; returns where it stands.
/// What stands there already is taken as it is.
///
/// # Errors
/// [`FetchError`]; nothing that is incomplete or wrong is put in place.
pub fn fetch(
    known: &Known,
    data: &Path,
    options: &FetchOptions,
    progress: &(dyn Fn(Fetching) + Sync),
    cancel: &Cancel,
) -> Result<PathBuf, FetchError> {
    let target = data.join(known.location);
    if target.exists() {
        return Ok(target);
    }
    if !known.is_pinned() {
        return Err(FetchError::NotPinned {
            name: known.name,
            published: known.published,
            place: target,
        });
    }
    let files = known.files();
    let stage = data.join(format!(".{}.partial", known.name));
    make_folder(&stage)?;
    let agent = agent(options)?;
    let base = options.from.as_deref().unwrap_or(known.address);
    let job = Job {
        agent,
        base: base.trim_end_matches('/'),
        stage: &stage,
        total: files.iter().map(|file| file.size).sum(),
        done: AtomicU64::new(0),
        progress,
        cancel,
    };

    job.files(&files, options.connections)?;

    // A ground truth of one file is this file, one of many their folder.
    let staged = match &files[..] {
        [only] => stage.join(&only.path),
        _ => stage.clone(),
    };
    if let Some(parent) = target.parent() {
        make_folder(parent)?;
    }
    fs::rename(&staged, &target).map_err(disk(&target))?;
    if stage.exists() {
        fs::remove_dir_all(&stage).map_err(disk(&stage))?;
    }
    Ok(target)
}

/// Who asks for files.
fn agent(options: &FetchOptions) -> Result<ureq::Agent, FetchError> {
    let proxy = match &options.proxy {
        None => None,
        Some(proxy) => Some(ureq::Proxy::new(proxy).map_err(|error| FetchError::Proxy {
            proxy: proxy.clone(),
            reason: error.to_string(),
        })?),
    };
    let agent = ureq::Agent::config_builder()
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(5)
        .timeout_connect(Some(options.answer))
        .timeout_recv_response(Some(options.answer))
        .timeout_recv_body(Some(options.body))
        .build();
    Ok(agent.into())
}

struct Job<'a> {
    agent: ureq::Agent,
    base: &'a str,
    stage: &'a Path,
    total: u64,
    done: AtomicU64,
    progress: &'a (dyn Fn(Fetching) + Sync),
    cancel: &'a Cancel,
}

impl Job<'_> {
    /// Makes all files complete in the stage, over several connections.
    fn files(&self, files: &[Published], connections: usize) -> Result<(), FetchError> {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..connections.clamp(1, files.len().max(1)) {
                scope.spawn(|| {
                    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Err(error) = self.file(file) else {
                            continue;
                        };
                        // The others stop before their next file.
                        next.store(files.len(), Ordering::Relaxed);
                        if let Ok(mut failed) = failed.lock() {
                            failed.get_or_insert(error);
                        }
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_default() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Makes one file complete in the stage.
    fn file(&self, file: &Published) -> Result<(), FetchError> {
        let path = self.stage.join(&file.path);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        let url = format!("{}/{}", self.base, file.path);
        let mut there = fs::metadata(&path).map_or(0, |found| found.len());
        if there > file.size {
            there = 0;
        }
        self.add(there);
        if there < file.size {
            self.download(&url, &path, file.size, there)?;
        }
        let bytes = fs::read(&path).map_err(disk(&path))?;
        let found = blake3::hash(&bytes).to_hex().to_string();
        if found != file.hash {
            // Nothing can be continued from it.
            fs::remove_file(&path).map_err(disk(&path))?;
            let expected = file.hash.clone();
            return Err(FetchError::Checksum {
                url,
                found,
                expected,
            });
        }
        Ok(())
    }

    /// Appends what is missing after `there` bytes.
    fn download(&self, url: &str, path: &Path, size: u64, there: u64) -> Result<(), FetchError> {
        let failed = |reason: String| FetchError::Download {
            url: url.to_owned(),
            reason,
        };
        if self.cancel.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        let mut request = self.agent.get(url);
        if there > 0 {
            request = request.header("Range", format!("bytes={there}-"));
        }
        let response = request.call().map_err(|error| failed(error.to_string()))?;
        let continued = match response.status().as_u16() {
            200 => false,
            // A server that sends another part than was asked for is not continued.
            206 => {
                let range = response.headers().get("content-range");
                let range = range.and_then(|range| range.to_str().ok()).unwrap_or("");
                if !range.starts_with(&format!("bytes {there}-")) {
                    return Err(failed(format!("sent the wrong part, {range:?}")));
                }
                true
            }
            status => return Err(failed(format!("the server answers with status {status}"))),
        };
        let mut length = there;
        if !continued {
            self.done.fetch_sub(there, Ordering::Relaxed);
            length = 0;
        }
        let mut output = open_own(path).map_err(disk(path))?;
        if !continued {
            discard(&output, path)?;
        }
        output.seek(SeekFrom::End(0)).map_err(disk(path))?;
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            if self.cancel.is_cancelled() {
                return Err(FetchError::Cancelled);
            }
            let read = match body.read(&mut buffer) {
                Ok(0) if length == size => return output.flush().map_err(disk(path)),
                Ok(0) => return Err(failed(format!("ends after {length} of {size} bytes"))),
                Ok(read) => read,
                Err(error) => {
                    return Err(failed(format!("after {length} of {size} bytes: {error}")));
                }
            };
            length += read as u64;
            if length > size {
                discard(&output, path)?;
                return Err(failed(format!("is longer than the published {size} bytes")));
            }
            output.write_all(&buffer[..read]).map_err(disk(path))?;
            self.add(read as u64);
        }
    }

    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.progress)(Fetching {
            done,
            total: self.total,
        });
    }
}

/// Forgets what was written, since it is no part of the file.
fn discard(file: &File, path: &Path) -> Result<(), FetchError> {
    file.set_len(0).map_err(disk(path))
}

fn make_folder(path: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(path).map_err(disk(path))
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Disk { path, source }
}
