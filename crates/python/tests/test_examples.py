"""The examples run to their end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_notebook_runs() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("matplotlib")
    notebook = nbformat.read(EXAMPLES / "which_shape.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    text = "".join(output.get("text", "") for output in outputs)
    assert re.search(r"^ *1 .*score", text, re.MULTILINE)


def test_a_proxy_is_found_on_modules_of_ones_own() -> None:
    pytest.importorskip("torch")
    said = subprocess.run(
        [sys.executable, str(EXAMPLES / "own_modules.py"), "--models", "36", "--steps", "60"],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    found = re.search(r"test tau +(-?\d\.\d+)", said.stdout)
    assert found and float(found[1]) > 0.3, said.stdout
    assert "#Params" in said.stdout
