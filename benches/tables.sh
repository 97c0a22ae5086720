#!/usr/bin/env bash
# Every named proxy against the published ground truths, scored on whole tensors:
# the tables and the raw data of docs/lab/results. On two busy cores FlexiBERT took an hour,
# and all proxies of GPT-2 took 16 minutes of processor time, 50 of the clock.
#
#     benches/tables.sh DATA OUT [flexibert|gpt2-wt103]
set -euo pipefail
data=$1
out=$2
only=${3:-all}
cargo build --release --locked -p lpzero-cli
lpzero="${CARGO_TARGET_DIR:-target}/release/lpzero"
mkdir -p "$out"
page() { # its name, the title
    printf '# %s\n\nMade by `benches/tables.sh DATA docs/lab/results`; columns are explained in [README.md](README.md).\n' "$2" > "$out/$1.md"
}
section() { # page, name of the raw data, title, options of rank
    local page=$1 name=$2 title=$3
    shift 3
    { printf '\n## %s ([raw data](%s.json))\n\n' "$title" "$name"
      "$lpzero" rank "$@" --exact --save "$out/$name.json" --format markdown; } >> "$out/$page.md"
}
if [[ $only != gpt2-wt103 ]]; then
    page flexibert "FlexiBERT: every named proxy in three readings"
    for reading in as-trained declared reference; do
        section flexibert "flexibert-$reading" "$reading" --all \
            --truth "$data/flexibert/BERT_benchmark.json" --reading "$reading"
    done
fi
if [[ $only != flexibert ]]; then
    page gpt2-wt103 "LiteTransformerSearch GPT-2, WikiText-103: every named proxy"
    section gpt2-wt103 gpt2-wt103 "Named proxies" --truth "$data/lts/random_GPT2_wt103" --all
    section gpt2-wt103 gpt2-wt103-published "As published" \
        --truth "$data/lts/random_GPT2_wt103" --proxy params --proxy decoder_params \
        --proxy depth2_width --proxy @benches/published.txt --proxy logsynflow --proxy lpzero_gpt2
fi
