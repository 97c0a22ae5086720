"""The guide's examples are run."""

import doctest
from pathlib import Path

import pytest

import lpzero

GUIDE = Path(__file__).parents[3] / "docs" / "guide"


@pytest.mark.parametrize("page", ["python.md", "torch.md"])
def test_the_guides_examples_hold(page: str) -> None:
    path = GUIDE / page
    if "torch" in path.read_text(encoding="utf-8") and page == "torch.md":
        pytest.importorskip("torch")
    failures, tests = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert tests > 0, f"{page} has no examples"
    assert failures == 0


def test_the_packages_own_example_holds() -> None:
    failures, tests = doctest.testmod(lpzero)
    assert tests > 0 and failures == 0
