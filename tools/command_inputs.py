"""What the commands of `command_cases.py` read: small, and made anew for every run."""

import csv
import itertools
import json
import os
from pathlib import Path


def furnish(folder: Path, data: Path) -> None:
    """Writes into `folder` what the commands read."""
    fixtures = Path(__file__).resolve().parent.parent / "crates"
    checkpoints = fixtures / "nn/tests/fixtures/checkpoints"
    likelihood = fixtures / "lpzero/tests/fixtures/likelihood"
    for name in ["bert", "electra", "gpt2", "mistral", "qwen2", "qwen3"]:
        (folder / name).symlink_to(checkpoints / name)
    (folder / "llama-7b").symlink_to(checkpoints / "llama")
    (folder / "lora").symlink_to(fixtures / "nn/tests/fixtures/adapters/llama")
    (folder / "tokenizer.json").symlink_to(likelihood / "tokenizer.json")
    (folder / "a.txt").write_text((likelihood / "text.txt").read_text() * 60)
    (folder / "boolq").mkdir()
    (folder / "boolq/test.json").symlink_to(likelihood / "items.json")

    bert = data / "flexibert/BERT_benchmark.json"
    gpt2 = data / "lts/random_GPT2_wt103"
    (folder / "whole").mkdir()
    (folder / "whole" / bert.name).symlink_to(bert)
    (folder / "whole" / gpt2.name).symlink_to(gpt2)
    records = json.loads(bert.read_text())[:24]
    (folder / bert.name).write_text(json.dumps(records))
    (folder / "few").mkdir()
    (folder / "few" / bert.name).write_text(json.dumps(records[:10]))
    few = folder / gpt2.name
    few.mkdir()
    summary = (gpt2 / "ppl_summary.yaml").read_text().splitlines(keepends=True)
    # Blocks of lines: a name such as config_0_j0 and what is indented below it.
    starts = [i for i, line in enumerate(summary) if not line.startswith(" ")]
    (few / "ppl_summary.yaml").write_text("".join(summary[: starts[16]]))
    for start in starts[:16]:
        # The record config_0_j3 stands for the folder config_0/j3.
        config, job = summary[start].strip().rstrip(":").rsplit("_", 1)
        (few / config).mkdir(exist_ok=True)
        (few / config / job).symlink_to(gpt2 / config / job)
    configs = sorted(gpt2.glob("config_0/**/model_config.yaml"))
    (folder / "model_config.yaml").symlink_to(configs[0])

    def small(layers: int, width: int) -> dict:
        return {
            "model_type": "gpt2", "n_layer": layers, "n_head": 2, "n_embd": width,
            "n_positions": 64, "vocab_size": 200,
        }  # fmt: skip

    (folder / "small.json").write_text(json.dumps(small(2, 16)))
    with open(folder / "mine.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["architecture", "loss", "seconds"])
        for i, (width, layers) in enumerate(itertools.product([16, 32, 48], [1, 2, 3, 4])):
            loss = 9 - layers - 0.01 * width + 0.3 * (i % 3)
            table.writerow([json.dumps(small(layers, width)), loss, i])
    config = json.loads((checkpoints / "llama/config.json").read_text())
    space = {
        "name": "parts of a small LLaMA",
        "blocks": [config["num_hidden_layers"]],
        "variables": [{"name": "width", "per": "block", "choices": [12, 9, 6, 3]}],
        "template": {
            "model_type": "llama",
            "intermediate_size": {"$each": "$width"},
            "num_hidden_layers": "$blocks",
        } | {
            key: config[key]
            for key in [
                "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim",
                "vocab_size", "max_position_embeddings", "rms_norm_eps", "hidden_act",
                "initializer_range", "tie_word_embeddings",
            ]
        },
    }  # fmt: skip
    document = {"format": "lpzero-space", "version": 1, "space": space}
    (folder / "space.json").write_text(json.dumps(document, indent=1))


def enter(folder: Path, furniture: Path) -> None:
    """Makes `folder`, with links to what lies in `furniture`."""
    folder.mkdir(parents=True)
    for entry in furniture.iterdir():
        os.symlink(entry, folder / entry.name)
