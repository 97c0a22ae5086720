#!/usr/bin/env bash
# A super-network, the losses of 200 of its sub-networks, and what ranks them.
#
#     benches/supernet.sh OUT [SEED ...]
#
# OUT is a new folder; what is finished in it is kept, what was stopped goes on.
# `python benches/supernet.py OUT` tabulates it. LPZERO names the command (by default
# one is built), STEPS (1000) the updates of the super-network and of the networks
# that are trained from scratch for comparison, SCRATCH (12) how many of those.
set -euo pipefail
out=$1
shift
[ $# -gt 0 ] || set -- 0 1 2 3 4
if [ -z "${LPZERO:-}" ]; then
  cargo build --release --locked -p lpzero-cli
  LPZERO="${CARGO_TARGET_DIR:-target}/release/lpzero"
fi
steps=${STEPS:-1000}
mkdir -p "$out"

# OUT FINISHED COMMAND...: runs a command with --out, unless it is finished.
run() {
  local folder=$1 finished=$2
  shift 2
  if [ -e "$folder/$finished" ]; then
    return
  elif [ -e "$folder/configuration.json" ]; then
    local resume=()
    for word in "$@"; do
      case $word in -*) break ;; esac
      resume+=("$word")
    done
    "$LPZERO" "${resume[@]}" --resume "$folder"
  else
    "$LPZERO" "$@" --out "$folder"
  fi
}

run "$out/supernet" report.json train --space tiny-elastic --steps "$steps" --batch 8 \
  --learning-rate 0.01 --validation-batches 32 --validate-every "$steps"
run "$out/losses" truth.json truth build --supernet "$out/supernet" --architectures 200
run "$out/fresh" truth.json truth build --supernet "$out/supernet" --architectures 200 --seed 1
truth=$out/losses/truth.json
found=()
for seed in "$@"; do
  run "$out/search-$seed" report.json search --truth "$truth" --split 70/30 --seed "$seed"
  formula=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["best"]["formula"])' \
    "$out/search-$seed/report.json")
  found+=(--proxy "$formula")
done
[ -e "$out/rank.json" ] || "$LPZERO" rank --truth "$truth" --json > "$out/rank.json"
# Sub-networks that no search has seen.
[ -e "$out/fresh.json" ] ||
  "$LPZERO" rank --truth "$out/fresh/truth.json" --json > "$out/fresh.json"
[ -e "$out/found.json" ] ||
  "$LPZERO" rank --truth "$out/fresh/truth.json" "${found[@]}" --json > "$out/found.json"
grep -o '"id":"[^"]*"' "$truth" | cut -d'"' -f4 | head -n "${SCRATCH:-12}" |
  while read -r id; do
    run "$out/scratch/$id" report.json train --truth "$truth" --entry "$id" < /dev/null
  done
