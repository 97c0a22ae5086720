#!/usr/bin/env bash
# Searches the LiteTransformerSearch GPT-2 space by every method with several seeds.
#
#     benches/nas.sh OUT [SEED ...]
#
# OUT is a new folder for the runs; a run that is there and finished is kept, one
# that was stopped goes on. `python benches/nas.py OUT DATA` tabulates them.
# BUDGET (160) is the number of architectures that each run scores, POPULATION (16)
# that of the evolutionary ones, PROXY (synaptic_saliency) what scores, MAX_PARAMS
# (60M, just above the largest published architecture) the bound that all keep to.
set -euo pipefail
out=$1
shift
[ $# -gt 0 ] || set -- 0 1 2
proxy=${PROXY:-synaptic_saliency}
cargo build --release --locked -p lpzero-cli
lpzero="${CARGO_TARGET_DIR:-target}/release/lpzero"
mkdir -p "$out"
for seed in "$@"; do
  for method in nsga2 evolution random; do
    run="$out/$method-$seed"
    if [ -e "$run/report.json" ]; then
      continue
    elif [ -e "$run/configuration.json" ]; then
      "$lpzero" nas --resume "$run"
    else
      "$lpzero" nas --space lts-gpt2 --proxy "$proxy" --method "$method" --seed "$seed" \
        --budget "${BUDGET:-160}" --population "${POPULATION:-16}" \
        --max-params "${MAX_PARAMS:-60M}" --out "$run"
    fi
  done
done
