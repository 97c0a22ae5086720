"""Counts what makes prose hard to read; needs nothing but Python's standard library.

    python tools/prose.py           the counts
    python tools/prose.py --list    each place, too

Two things are counted: sentences of more than 25 words in the pages that people read first,
and item docs that begin with a riddle ("Of which of them sums are wanted.") where a noun or
a verb should stand. Code, tables, headings and comments are not prose. An inline code span
and a link are as many words as a reader reads: one, and those of its text.

Exit status: 1 where a page has a long sentence, else 0. Item docs are only counted.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/README.md"]
LONGEST = 25
RIDDLE = re.compile(r"(Of|The same|What|Those|Its|As|That)\b")
ABBREVIATION = re.compile(r"\b(al|cf|e\.g|i\.e|vs|etc|Dr|No)\.$")


def paragraphs(markdown):
    """Prose of a page: (number of its first line, text), one for each paragraph or list item."""
    markdown = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), markdown, flags=re.S)
    start, lines, fenced = 0, [], False
    for number, line in enumerate(markdown.splitlines() + [""], 1):
        text = line.strip()
        fence = text.startswith("```")
        item = re.match(r"([-*+]|\d+\.) +", text)
        apart = fence or fenced or not text or re.match(r"#+ |[|>]|!\[", text)
        # Four spaces after an empty line are code; inside a list item they go on with it.
        apart = apart or (not lines and line.startswith("    "))
        if (apart or item) and lines:
            yield start, " ".join(lines)
            lines = []
        if fence:
            fenced = not fenced
        if apart:
            continue
        if not lines:
            start = number
        lines.append(text[item.end():] if item else text)


def sentences(paragraph):
    """Sentences of a paragraph, with inline code as one word and links as their text."""
    paragraph = re.sub(r"(`+)(?:.*?)\1", "code", paragraph)
    paragraph = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", paragraph)
    paragraph = re.sub(r"<https?:[^>]*>", "link", paragraph).replace("*", "")
    parts = re.split(r"(?<=[.!?])[)\"']*\s+", paragraph)
    sentence = ""
    for part in parts:
        sentence = f"{sentence} {part}".strip()
        if not ABBREVIATION.search(sentence):
            yield sentence
            sentence = ""
    if sentence:
        yield sentence


def words(sentence):
    """Number of words: what has a letter or a digit."""
    return sum(1 for word in sentence.split() if re.search(r"\w", word))


def long_sentences(page):
    """(line of the paragraph, words, sentence) of every sentence that is too long."""
    for line, paragraph in paragraphs(page.read_text()):
        for sentence in sentences(paragraph):
            if words(sentence) > LONGEST:
                yield line, words(sentence), sentence


def riddles(source):
    """(line, text) of every doc comment of a Rust file whose first words are a riddle."""
    before = ""
    for number, line in enumerate(source.read_text().splitlines(), 1):
        found = re.match(r"\s*(//[/!]) ?(.*)", line)
        kind = found[1] if found else ""
        if kind and kind != before and RIDDLE.match(found[2]):
            yield number, found[2]
        before = kind


def main():
    listed = "--list" in sys.argv[1:]
    pages = [ROOT / page for page in PAGES] + sorted((ROOT / "docs/guide").glob("*.md"))
    total = 0
    print(f"sentences of more than {LONGEST} words")
    for page in filter(Path.exists, pages):
        found = list(long_sentences(page))
        total += len(found)
        print(f"{len(found):5}  {page.relative_to(ROOT)}")
        for line, count, sentence in found if listed else []:
            print(f"       {line}: {count} words: {sentence}")
    print(f"{total:5}  in all\n\nitem docs that begin with a riddle")
    riddle_total = 0
    for crate in sorted((ROOT / "crates").iterdir()):
        found = [
            (source, line, text)
            for source in sorted(crate.glob("src/**/*.rs"))
            for line, text in riddles(source)
        ]
        riddle_total += len(found)
        print(f"{len(found):5}  {crate.relative_to(ROOT)}")
        for source, line, text in found if listed else []:
            print(f"       {source.relative_to(ROOT)}:{line}: {text}")
    print(f"{riddle_total:5}  in all")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
