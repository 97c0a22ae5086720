//! Pages under `docs/` that are made from the code are what the code makes.
//! `LPZERO_BLESS=1 cargo test -p lpzero-cli --test command drift` renews them.
use std::path::Path;

fn check(page: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    if std::env::var_os("LPZERO_BLESS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/{page} has drifted; renew it with LPZERO_BLESS=1 cargo test -p lpzero-cli --test command drift"
    );
}

#[test]
fn the_language_reference_follows_from_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let reference = crate::support::lpzero(folder.path(), &["proxies", "--reference"]);
    assert_eq!(reference.status, 0, "{}", reference.stderr);
    check("reference/language.md", &reference.stdout);
}

#[test]
fn the_command_line_reference_follows_from_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut page = String::from("# The command line\n");
    for command in [
        &[][..],
        &["search"],
        &["ablate"],
        &["rank"],
        &["score"],
        &["compare"],
        &["eval"],
        &["nas"],
        &["export"],
        &["train"],
        &["proxies"],
        &["truth"],
        &["truth", "list"],
        &["truth", "show"],
        &["truth", "audit"],
        &["truth", "build"],
        &["truth", "fetch"],
        &["cache"],
        &["cache", "path"],
        &["cache", "size"],
        &["cache", "clean"],
    ] {
        let help = crate::support::lpzero(folder.path(), &[command, &["--help"]].concat());
        assert_eq!(help.status, 0, "{}", help.stderr);
        let title = [&["lpzero"], command].concat().join(" ");
        page += &format!("\n## `{title}`\n\n```text\n{}```\n", help.stdout);
    }
    check("reference/command.md", &page);
}

/// The first block of Rust in the README, and the first in the documentation of the
/// library, where it is run as a test.
#[test]
fn the_program_of_the_readme_is_that_of_the_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let library = std::fs::read_to_string(root.join("crates/lpzero/src/lib.rs")).unwrap();
    let between = |text: &str, start: &str, end: &str| {
        let rest = text.split_once(start).unwrap().1;
        rest.split_once(end).unwrap().0.to_owned()
    };
    let shown = between(&readme, "```rust\n", "```");
    let tested = between(&library, "//! ```\n", "//! ```");
    let uncommented = |line: &str| line.strip_prefix("//!").unwrap().trim_start().to_owned();
    let plain = |line: &str| line.trim_start().to_owned();
    let tested: Vec<String> = tested.lines().map(uncommented).collect();
    assert_eq!(shown.lines().map(plain).collect::<Vec<_>>(), tested);
    assert!(tested.len() <= 15, "{} lines", tested.len());
}
