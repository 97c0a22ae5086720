"""Ground truths: built in, tables of any library, traces."""

from pathlib import Path

import pytest

import lpzero

CONFIG = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}


def rows(n: int = 6) -> list[dict[str, object]]:
    return [
        {
            "id": f"net{i}",
            "architecture": CONFIG | {"num_hidden_layers": i + 1},
            "loss": 5.0 - 0.1 * i,
        }
        for i in range(n)
    ]


def test_built_in_truths_are_there_offline() -> None:
    truth = lpzero.Truth.open("openlm")
    assert len(truth) == 130 and truth.name == "openlm"
    assert len(truth.ids) == len(set(truth.ids)) == len(truth.scores)
    assert len(truth.up_to(50e6)) < 130


@pytest.mark.parametrize("library", ["rows", "pandas", "polars", "pyarrow"])
def test_a_table_of_any_library_is_a_truth(library: str) -> None:
    table: object = rows()
    if library != "rows":
        module = pytest.importorskip(library)
        import json

        flat = [row | {"architecture": json.dumps(row["architecture"])} for row in rows()]
        if library == "pyarrow":
            table = module.Table.from_pylist(flat)
        else:
            table = module.DataFrame(flat)
    truth = lpzero.Truth.from_table(table, score="loss", lower_is_better=True)
    assert truth.ids == [f"net{i}" for i in range(6)]
    assert truth.scores[0] == pytest.approx(-5.0)
    assert lpzero.rank(truth, "params", progress=False)[0]["tau"] == pytest.approx(1.0)


def test_a_file_is_a_table_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(__import__("json").dumps(CONFIG))
    table = tmp_path / "table.csv"
    table.write_text("id,path,loss\na,config.json,3\nb,config.json,4\n")
    truth = lpzero.Truth.from_table(table, score="loss", lower_is_better=True)
    assert truth.scores == [-3.0, -4.0]


def test_errors_name_row_and_key() -> None:
    broken = rows()
    broken[2]["architecture"] = CONFIG | {"num_attention_heads": 3}
    with pytest.raises(lpzero.LpzeroError, match="(?s)line 3|record 3|net2"):
        lpzero.Truth.from_table(broken, score="loss")
    with pytest.raises(lpzero.LpzeroError, match="no column"):
        lpzero.Truth.from_table(rows(), score="accuracy")
    with pytest.raises(lpzero.LpzeroError, match="nowhere"):
        lpzero.Truth.open("nowhere")
    with pytest.raises(lpzero.LpzeroError, match="rows of dicts"):
        lpzero.Truth.from_table([1, 2])


def test_traces_are_equal_to_the_bit_and_travel() -> None:
    import pickle

    (trace,) = lpzero.traces(CONFIG, positions=16, progress=False)
    (again,) = lpzero.traces(CONFIG, positions=16, progress=False)
    (other,) = lpzero.traces(CONFIG, positions=16, seed=1, progress=False)
    assert trace == again == pickle.loads(pickle.dumps(trace)) and trace != other
    with pytest.raises(lpzero.LpzeroError, match="not a trace"):
        lpzero.Trace.from_bytes(trace.to_bytes()[:-1])


def test_traces_and_scores_are_a_truth() -> None:
    described = {f"net{i}": CONFIG | {"num_hidden_layers": i + 1} for i in range(6)}
    traces = lpzero.traces(described, positions=16, progress=False)
    truth = lpzero.Truth.from_traces(traces, [5.0, 4.0, 3.0, 2.0, 1.0, 0.5], lower_is_better=True)
    (row,) = lpzero.rank(truth, "params", progress=False)
    assert row["tau"] == pytest.approx(1.0)
    with pytest.raises(lpzero.LpzeroError, match="6 traces, 5 scores"):
        lpzero.Truth.from_traces(traces, [1.0] * 5)
    with pytest.raises(lpzero.LpzeroError, match="whole tensors"):
        lpzero.rank(truth, "synflow", progress=False)
    with pytest.raises(lpzero.LpzeroError, match="finite"):
        lpzero.Truth.from_traces(traces, [float("nan")] * 6)
