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
    ] {
        let help = crate::support::lpzero(folder.path(), &[command, &["--help"]].concat());
        assert_eq!(help.status, 0, "{}", help.stderr);
        let title = [&["lpzero"], command].concat().join(" ");
        page += &format!("\n## `{title}`\n\n```text\n{}```\n", help.stdout);
    }
    check("reference/command.md", &page);
}
