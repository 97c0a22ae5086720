#!/usr/bin/env bash
# Searches both published benchmarks with several seeds and keeps the reports.
#
#     benches/search.sh DATA OUT [SEED ...]
#
# DATA holds flexibert/BERT_benchmark.json and lts/random_GPT2_wt103; OUT is a
# new folder for the reports. `benches/summary.py OUT` tabulates them.
set -euo pipefail
data=$1
out=$2
shift 2
[ $# -gt 0 ] || set -- 0 1 2 3 4
cargo build --release --locked -p lpzero
lpzero="${CARGO_TARGET_DIR:-target}/release/lpzero"
mkdir -p "$out"
for seed in "$@"; do
  "$lpzero" search --truth "$data/flexibert/BERT_benchmark.json" --split 100/50 \
    --seed "$seed" --json > "$out/flexibert-$seed.json"
  "$lpzero" search --truth "$data/lts/random_GPT2_wt103" --split 80/20 \
    --seed "$seed" --json > "$out/gpt2-wt103-$seed.json"
done
