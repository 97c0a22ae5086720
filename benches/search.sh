#!/usr/bin/env bash
# Searches both published benchmarks with several seeds and keeps the reports.
#
#     [METHOD=powers] benches/search.sh DATA OUT [SEED ...]
#
# DATA holds flexibert/BERT_benchmark.json and lts/random_GPT2_wt103; OUT is a
# folder for the reports, METHOD that of `lpzero search` (gp). With METHOD=powers, which takes
# seconds, FlexiBERT is searched with half the architectures as well, and both benchmarks
# for one formula. `benches/summary.py OUT` tabulates them.
set -euo pipefail
data=$1
out=$2
method=${METHOD:-gp}
shift 2
[ $# -gt 0 ] || set -- 0 1 2 3 4
cargo build --release --locked --workspace
lpzero="${CARGO_TARGET_DIR:-target}/release/lpzero"
flexibert=(--truth "$data/flexibert/BERT_benchmark.json")
gpt2=(--truth "$data/lts/random_GPT2_wt103")
mkdir -p "$out"

search() {
  "$lpzero" search --method "$method" --seed "$seed" --json "${@:2}" > "$out/$1-$seed.json"
}

for seed in "$@"; do
  search flexibert "${flexibert[@]}" --split 100/50
  search gpt2-wt103 "${gpt2[@]}" --split 80/20
  if [ "$method" = powers ]; then
    search flexibert-50-25 "${flexibert[@]}" --split 50/25
    search flexibert+gpt2-wt103 "${flexibert[@]}" "${gpt2[@]}" --split 100/50 --split 80/20
  fi
done
