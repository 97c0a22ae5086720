"""Runs as pages."""

import json
from pathlib import Path

import lpzero


def test_a_run_is_shown_as_a_page_that_fetches_nothing(tmp_path: Path) -> None:
    run = lpzero.search("tiny", method="gp", evaluations=200, progress=False)
    report = run.report()
    bundle = report._repr_mimebundle_()
    shown = bundle["text/html"]
    assert shown.startswith("<iframe ") and "default-src &#x27;none&#x27;" in shown
    # What the frame holds is escaped once.
    assert shown.count("<") == 2
    assert "took no part" in report.html
    pictures = report.specifications
    points = next(spec for title, spec in pictures.items() if title.startswith("Predicted"))
    [rows] = points["datasets"].values()
    assert len(rows) == 200 and {row["part"] for row in rows} == {"search", "validation", "test"}
    file = report.save(tmp_path / "page.html")
    assert file.stat().st_size < 2_000_000
    assert json.loads(json.dumps(report)) == dict(report)


def test_a_kept_run_is_shown_from_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = lpzero.search("tiny", method="gp", evaluations=200, out=out, progress=False)
    opened = lpzero.Run.open(out)
    titles = list(opened.report().specifications)
    assert titles == list(run.report().specifications)
    assert "Evolution" in titles and any(title.startswith("Predicted") for title in titles)
