#!/usr/bin/env bash
# Every named proxy against the published ground truths, scored on whole tensors:
# the tables and the raw data of docs/results.
#   benches/tables.sh DATA OUT
set -euo pipefail
data=$1
out=$2
lpzero=${LPZERO:-target/release/lpzero}
mkdir -p "$out"
table() { # name, options of rank
    local name=$1
    shift
    echo "$name" >&2
    "$lpzero" rank "$@" --exact --save "$out/$name.json" --format markdown > "$out/$name.part.md"
}
published='published.txt'
cat > "$out/$published" <<'FORMULAS'
# What the names published for GPT-2 mean: sums over every map of the blocks.
snip, synaptic saliency and head importance as published = sum[block](sum(abs(W * G)))
grad_norm as published = sum[block](l2(G))
synaptic diversity as published = sum[block](nuclear(W) * nuclear(G))
logsynflow as published = sum[block](sum(abs(W * abslog(Gf))))
FORMULAS
for reading in as-trained declared reference; do
    table "flexibert-$reading" --truth "$data/flexibert/BERT_benchmark.json" --reading "$reading" --all
done
gpt2=$data/lts/random_GPT2_wt103
table gpt2-wt103-published --truth "$gpt2" --proxy params --proxy decoder_params \
    --proxy depth2_width --proxy "@$out/$published" --proxy lpzero_gpt2
table gpt2-wt103 --truth "$gpt2" --all
