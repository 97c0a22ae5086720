"""Writes size and BLAKE3 hash of every file of the published ground truths.

    .venv/bin/python tools/list_published.py ../shared/data

crates/truth/src/published/*.txt, one `hash size path` per line, from a copy of the data
laid out as CONTRIBUTING.md says. `lpzero truth fetch` takes no other bytes.
"""

import pathlib
import sys

from blake3 import blake3

OUT = pathlib.Path(__file__).parent.parent / "crates/truth/src/published"
ONE_FILE = {
    "openlm": "grid.json",
    "gemstones": "wandb_df_for_fitting_hot_100b+.jsonl",
}
LTS = {
    "lts-gpt2-wt103": "lts/random_GPT2_wt103",
    "lts-transformer-xl-wt103": "lts/random_TransXL_wt103",
}


def write(name, folder, files):
    lines = []
    for file in files:
        data = file.read_bytes()
        lines.append(f"{blake3(data).hexdigest()} {len(data)} {file.relative_to(folder).as_posix()}\n")
    (OUT / name).write_text("".join(lines))
    print(f"{OUT / name}: {len(lines)} files")


def main():
    data = pathlib.Path(sys.argv[1])
    write("flexibert.txt", data / "flexibert", [data / "flexibert/BERT_benchmark.json"])
    for name, file in ONE_FILE.items():
        write(f"{name}.txt", data / name, [data / name / file])
    for name, folder in LTS.items():
        # Not everybody has every one; what is not there stays as it is.
        if (data / folder).exists():
            write(f"{name}.txt", data / folder, sorted((data / folder).rglob("*.yaml")))


if __name__ == "__main__":
    main()
