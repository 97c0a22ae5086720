#!/usr/bin/env bash
# The pages of real runs in a real browser: makes the runs, installs what is missing, tests.
# Where no browser can be had it says so in capitals, and only then is nothing tested.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
LPZERO=$(realpath "${LPZERO:-$target/debug/lpzero}")
export LPZERO
export PAGES=${PAGES:-$target/pages}

# First of these programs that there is.
program() {
  for name in "$@"; do
    if command -v "$name" > /dev/null; then
      command -v "$name"
      return
    fi
  done
}
browser() { program "${BROWSER:-chromium}" chromium chromium-browser google-chrome; }

if [ -z "$(browser)" ] || [ -z "$(program npm)" ] || [ -z "$(program node)" ]; then
  if [ -n "$(program apt-get)" ] && [ "$(id -u)" = 0 ]; then
    echo "+ apt-get install chromium and npm, which are missing"
    export DEBIAN_FRONTEND=noninteractive
    needed=()
    [ -n "$(browser)" ] || needed+=(chromium)
    [ -n "$(program npm)" ] && [ -n "$(program node)" ] || needed+=(nodejs npm)
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${needed[@]}"; } > /dev/null; then
      echo "apt-get cannot install: ${needed[*]}" >&2
    fi
  fi
fi
BROWSER=$(browser)
export BROWSER
if [ -z "$BROWSER" ] || [ -z "$(program npm)" ] || [ -z "$(program node)" ]; then
  echo "NOT TESTED: THE REPORT IN A BROWSER. There is no chromium with node and npm, and none can" >&2
  echo "be installed here; install them, or set BROWSER." >&2
  exit 0
fi
echo "+ $("$BROWSER" --version)"

rm -rf "$PAGES"
mkdir -p "$PAGES"
PAGES=$(realpath "$PAGES")
lpzero() { "$LPZERO" --quiet --cache "$target/pages-cache" "$@" > /dev/null; }
lpzero search --truth tiny --budget 1500 --out "$PAGES/search-run"
lpzero rank --truth tiny --save "$PAGES/tiny.json"
saved=("$PAGES/tiny.json")
# Counts need no pass: five benchmarks in no time.
counts=(--proxy params --proxy decoder_params --proxy ffn_params --proxy attention_params --proxy depth2_width --proxy "params * layers")
for truth in openlm gemstones; do
  lpzero rank --truth "$truth" "${counts[@]}" --save "$PAGES/$truth.json"
  saved+=("$PAGES/$truth.json")
done
data=${LPZERO_DATA:-../shared/data}
for truth in flexibert/BERT_benchmark.json lts/random_GPT2_wt103; do
  if [ -e "$data/$truth" ]; then
    name=$(basename "$truth" .json)
    lpzero rank --truth "$data/$truth" "${counts[@]}" --save "$PAGES/$name.json"
    saved+=("$PAGES/$name.json")
  fi
done
lpzero nas --space tiny --budget 200 --out "$PAGES/nas-run"
lpzero train --layers 2 --width 16 --steps 60 --out "$PAGES/train-run"
lpzero ablate pruning --truth tiny --seeds 3 --budget 100 --out "$PAGES/ablate-run"
lpzero truth audit tiny --save "$PAGES/audit.json"
page() { lpzero report "${@:2}" --out "$PAGES/$1.html"; }
# A run with --out leaves its page.
cp "$PAGES/search-run/report.html" "$PAGES/search.html"
cp "$PAGES/nas-run/report.html" "$PAGES/nas.html"
page rank "${saved[@]}"
page others "$PAGES/train-run" "$PAGES/ablate-run" "$PAGES/audit.json"
export NAMES="search nas rank others"

cd crates/report/browser
npm ci --ignore-scripts --no-audit --no-fund --silent
npm test --silent
