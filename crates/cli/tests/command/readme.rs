//! The examples of the README and of the guide do what they show.
//! `TRYCMD=overwrite` renews the pages.
use std::fs;
use std::path::{Path, PathBuf};

/// Files that examples of the guide read, beside those in `docs/guide/files`.
const FIXTURES: [(&str, &str); 5] = [
    ("tiny-llama", "nn/tests/fixtures/checkpoints/llama"),
    ("adapter", "nn/tests/fixtures/adapters/llama"),
    ("text.txt", "lpzero/tests/fixtures/likelihood/text.txt"),
    ("items.json", "lpzero/tests/fixtures/likelihood/items.json"),
    (
        "tokenizer.json",
        "lpzero/tests/fixtures/likelihood/tokenizer.json",
    ),
];

#[test]
fn the_examples_of_the_readme_run() {
    let cache = tempfile::tempdir().unwrap();
    trycmd::TestCases::new()
        .env("XDG_CACHE_HOME", cache.path().to_str().unwrap())
        .case("../../README.md");
}

/// Each page runs as a copy beside a folder `PAGE.in` of its own, where its examples
/// begin: they write files.
#[test]
fn the_examples_of_the_guide_run() {
    let folder = tempfile::tempdir().unwrap();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = crates.join("../docs/guide");
    let pages: Vec<PathBuf> = (fs::read_dir(&guide).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    assert!(!pages.is_empty(), "{} has no pages", guide.display());
    let copy = |page: &Path| folder.path().join(page.file_name().unwrap());
    for page in &pages {
        fs::copy(page, copy(page)).unwrap();
        let start = copy(page).with_extension("in");
        copy_all(&guide.join("files"), &start);
        for (name, fixture) in FIXTURES {
            copy_all(&crates.join(fixture), &start.join(name));
        }
    }
    // One page after the other, each with a cache of its own: what is printed does not
    // hang on who traced first.
    for page in &pages {
        let cache = copy(page).with_extension("cache");
        trycmd::TestCases::new()
            .env("XDG_CACHE_HOME", cache.to_str().unwrap())
            .case(copy(page))
            .run();
    }
    if std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        for page in &pages {
            fs::copy(copy(page), page).unwrap();
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            copy_all(&path, &to.join(path.file_name().unwrap()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}
