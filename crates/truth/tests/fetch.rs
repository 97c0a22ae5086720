//! Downloads from a server on this machine that does what servers do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lpzero_run::Cancel;
use lpzero_truth::{FetchError, FetchOptions, Known, fetch, known};

/// What was asked for: the path, and the range if any.
type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A server that hands every request to `answer`.
fn serve(answer: fn(&mut TcpStream, &str, Option<&str>)) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, log) = (stream.unwrap(), Arc::clone(&log));
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                let path = first.split(' ').nth(1).unwrap_or("").to_owned();
                let mut range = None;
                for line in lines.map_while(Result::ok) {
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
                        range = Some(value.to_owned());
                    }
                }
                log.lock().unwrap().push((path.clone(), range.clone()));
                answer(&mut stream, &path, range.as_deref());
            });
        }
    });
    (address, asked)
}

fn send(stream: &mut TcpStream, head: &str, length: usize, body: &[u8]) {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

/// The contents of the file at a path.
fn contents(path: &str) -> Vec<u8> {
    path.trim_start_matches('/').repeat(20_000).into_bytes()
}

/// A ground truth of two files in a folder.
fn two_files() -> Known {
    let listing: String = ["a/one.yaml", "two.yaml"]
        .iter()
        .map(|path| {
            let bytes = contents(path);
            format!("{} {} {path}\n", blake3::hash(&bytes).to_hex(), bytes.len())
        })
        .collect();
    Known {
        listing: Box::leak(listing.into_boxed_str()),
        location: "many/files",
        ..*known("lts-gpt2-wt103").unwrap()
    }
}

fn get(from: &str, data: &Path) -> Result<PathBuf, FetchError> {
    let options = FetchOptions {
        from: Some(from.to_owned()),
        answer: Duration::from_millis(400),
        body: Duration::from_millis(800),
        ..FetchOptions::default()
    };
    fetch(&two_files(), data, &options, &|_| {}, &Cancel::new())
}

/// The message of a failure, after which nothing is in place.
fn failure(answer: fn(&mut TcpStream, &str, Option<&str>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = serve(answer);
    let error = get(&address, folder.path()).unwrap_err().to_string();
    assert!(!folder.path().join("many/files").exists());
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with(&address), "{error}");
    error
}

fn whole(stream: &mut TcpStream, path: &str, range: Option<&str>) {
    let bytes = contents(path);
    match range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }) {
        None => send(stream, "200 OK", bytes.len(), &bytes),
        Some::<usize>(from) => {
            let rest = &bytes[from..];
            let last = bytes.len() - 1;
            let head = format!(
                "206 Partial Content\r\nContent-Range: bytes {from}-{last}/{}",
                bytes.len()
            );
            send(stream, &head, rest.len(), rest);
        }
    }
}

fn cut(stream: &mut TcpStream, path: &str, _: Option<&str>) {
    let bytes = contents(path);
    send(stream, "200 OK", bytes.len(), &bytes[..bytes.len() / 3]);
}

#[test]
fn files_are_fetched_once_and_put_in_place_together() {
    let folder = tempfile::tempdir().unwrap();
    let (address, asked) = serve(whole);
    let seen = AtomicU64::new(0);
    let options = FetchOptions {
        from: Some(address.clone()),
        ..FetchOptions::default()
    };
    let known = two_files();
    let progress = |fetching: lpzero_truth::Fetching| {
        assert!(fetching.done <= fetching.total);
        seen.fetch_max(fetching.done, Ordering::Relaxed);
    };
    let never = Cancel::new();
    let place = fetch(&known, folder.path(), &options, &progress, &never).unwrap();
    assert_eq!(place, folder.path().join("many/files"));
    for path in ["a/one.yaml", "two.yaml"] {
        assert_eq!(fs::read(place.join(path)).unwrap(), contents(path));
    }
    let total: u64 = known.files().iter().map(|file| file.size).sum();
    assert_eq!(seen.load(Ordering::Relaxed), total);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no stage is left behind");
    get(&address, folder.path()).unwrap();
    assert_eq!(
        asked.lock().unwrap().len(),
        2,
        "what is there is not fetched again"
    );
}

#[test]
fn a_download_that_was_cut_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (cutting, _) = serve(cut);
    let error = get(&cutting, folder.path()).unwrap_err().to_string();
    assert!(error.contains("run the same command again"), "{error}");
    let (address, asked) = serve(whole);
    let place = get(&address, folder.path()).unwrap();
    assert_eq!(
        fs::read(place.join("two.yaml")).unwrap(),
        contents("two.yaml")
    );
    let asked = asked.lock().unwrap();
    assert!(asked.iter().any(|(_, range)| range.is_some()), "{asked:?}");
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let (cutting, _) = serve(cut);
    get(&cutting, folder.path()).unwrap_err();
    let (address, _) = serve(|stream, path, _| whole(stream, path, None));
    let place = get(&address, folder.path()).unwrap();
    assert_eq!(
        fs::read(place.join("a/one.yaml")).unwrap(),
        contents("a/one.yaml")
    );
}

#[test]
fn other_bytes_are_refused_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (wrong, _) = serve(|stream, path, _| {
        let mut bytes = contents(path);
        bytes[7] ^= 1;
        send(stream, "200 OK", bytes.len(), &bytes);
    });
    let error = get(&wrong, folder.path()).unwrap_err();
    assert!(matches!(error, FetchError::Checksum { .. }), "{error}");
    assert!(!folder.path().join("many/files").exists());
    let (address, _) = serve(whole);
    get(&address, folder.path()).unwrap();
}

#[test]
fn what_servers_do_wrong_is_said() {
    let error = failure(|stream, _, _| send(stream, "404 Not Found", 0, b""));
    assert!(error.contains("status 404"), "{error}");
    let error = failure(|stream, path, _| {
        let head = format!("302 Found\r\nLocation: {path}");
        send(stream, &head, 0, b"");
    });
    assert!(error.contains("redirect"), "{error}");
    let error = failure(|stream, path, _| {
        let mut bytes = contents(path);
        bytes.push(0);
        send(stream, "200 OK", bytes.len(), &bytes);
    });
    assert!(error.contains("longer than the published"), "{error}");
    let error = failure(|stream, path, _| {
        let bytes = contents(path);
        send(stream, "200 OK", bytes.len() / 2, &bytes[..bytes.len() / 2]);
    });
    assert!(error.contains("ends after"), "{error}");
}

#[test]
fn a_stalled_server_does_not_stall_the_client() {
    let start = Instant::now();
    let error = failure(|_, _, _| std::thread::sleep(Duration::from_secs(5)));
    assert!(error.contains("timeout"), "{error}");
    let error = failure(|stream, path, _| {
        cut(stream, path, None);
        std::thread::sleep(Duration::from_secs(5));
    });
    assert!(error.contains("timeout"), "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn what_is_not_pinned_is_not_fetched() {
    let known = known("lts-transformer-xl-wt103").unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = FetchOptions::default();
    let error = fetch(known, data.path(), &options, &|_| {}, &Cancel::new());
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("lts-transformer-xl-wt103: its files are not pinned"));
    assert!(error.ends_with("random_TransXL_wt103"), "{error}");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    // A copy that somebody put there is taken as it is.
    let place = data.path().join(known.location);
    fs::create_dir_all(&place).unwrap();
    let found = fetch(known, data.path(), &options, &|_| {}, &Cancel::new());
    assert_eq!(found.unwrap(), place);
}

#[test]
fn the_listings_are_complete() {
    let sizes = |name: &str| {
        let files = known(name).unwrap().files();
        assert!(
            files
                .iter()
                .all(|file| file.hash.len() == 64 && file.size > 0)
        );
        files.len()
    };
    assert_eq!((sizes("flexibert"), sizes("lts-gpt2-wt103")), (1, 202));
    assert_eq!(
        known("lts-gpt2-wt103").unwrap().listing.lines().count(),
        202
    );
}

#[test]
fn the_published_copies_have_the_pinned_hashes() {
    let data = std::env::var_os("LPZERO_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    for name in ["flexibert", "lts-gpt2-wt103"] {
        let known = known(name).unwrap();
        let place = data.join(known.location);
        if !place.exists() {
            println!("SKIPPED: no {}", place.display());
            continue;
        }
        let folder = if place.is_dir() {
            &place
        } else {
            place.parent().unwrap()
        };
        for file in known.files() {
            let bytes = fs::read(folder.join(&file.path)).unwrap();
            let hash = blake3::hash(&bytes).to_hex().to_string();
            assert_eq!(
                (bytes.len() as u64, hash),
                (file.size, file.hash),
                "{}",
                file.path
            );
        }
    }
}
