//! Links between pages lead somewhere: to a file or folder, and to a heading in it.
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = Vec::new();
    markdown(&root, &mut pages);
    assert!(pages.len() > 20, "only {} pages", pages.len());
    let mut broken = Vec::new();
    for page in &pages {
        // Links may have code in their text, and none has any behind it.
        let text: String = prose(page).split('`').step_by(2).collect();
        for target in text.split("](").skip(1) {
            let Some((target, _)) = target.split_once(')') else {
                continue;
            };
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let to = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let there = to.exists()
                && (heading.is_empty() || headings(&prose(&to)).any(|each| each == heading));
            if !there {
                let page = page.strip_prefix(&root).unwrap();
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links to nothing:\n{}",
        broken.join("\n")
    );
}

/// The pages of this repository: `.md` at the root, and below the folders with prose.
fn markdown(root: &Path, pages: &mut Vec<PathBuf>) {
    for place in [
        ".",
        "docs",
        "docs/guide",
        "docs/lab",
        "docs/lab/results",
        "docs/reference",
        "benches",
        "tools",
    ] {
        let folder = fs::read_dir(root.join(place)).unwrap();
        pages.extend(
            folder
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
        );
    }
}

/// A page without its blocks of code.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let mut code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            kept += line;
            kept += "\n";
        }
    }
    kept
}

/// Headings as links name them: lower case, hyphens for spaces, nothing but letters,
/// digits and hyphens.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
}
