#!/usr/bin/env bash
# What `rank`, `search`, `compare` and `nas` show in terminals of 80 and of 120 columns, by tmux:
# one file each in FOLDER.
#
#   tools/terminal.sh FOLDER
#   LPZERO=target/release/lpzero tools/terminal.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(realpath -m "${1:?expected a folder for the captures}")
LPZERO=$(realpath "${LPZERO:-${CARGO_TARGET_DIR:-target}/debug/lpzero}")
mkdir -p "$folder"
work=$(mktemp -d)
trap 'tmux -L lpzero kill-server 2> /dev/null || true; rm -rf "$work"' EXIT

for width in 80 120; do
  while read -r line; do
    rm -f "$work/done"
    tmux -L lpzero -f /dev/null new-session -d -x "$width" -y 70 \
      "echo '\$ lpzero $line'; '$LPZERO' --cache '$work/cache' $line 2> /dev/null; touch '$work/done'; sleep 600"
    until [ -e "$work/done" ]; do sleep 0.2; done
    sleep 0.5
    # Without the empty lines at the end of the screen.
    text=$(tmux -L lpzero capture-pane -p)
    printf '%s\n' "$text" > "$folder/${line%% *}-$width.txt"
    tmux -L lpzero kill-server; sleep 0.5
  done << 'LINES'
rank --truth tiny
search --truth tiny --budget 500
compare --space tiny --max-params 60k --draw 6
nas --space tiny --budget 100 --max-params 60k
LINES
done
wc -L "$folder"/*.txt
