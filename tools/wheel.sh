#!/usr/bin/env bash
# Builds the wheel: the extension and the command in one file, `dist/lpzero-*.whl`.
# Needs a Rust toolchain and Python 3.11 or later; maturin comes from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
venv=${CARGO_TARGET_DIR:-target}/wheel-venv
[ -x "$venv/bin/maturin" ] || {
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet 'maturin>=1.16,<2'
}

cargo build --release --locked -p lpzero-cli
scripts=crates/python/lpzero.data/scripts
mkdir -p "$scripts"
cp "${CARGO_TARGET_DIR:-target}/release/lpzero" "$scripts/lpzero"
strip "$scripts/lpzero" 2>/dev/null || true
# Only a wheel that is built here carries the command. A source distribution has its
# pyproject.toml elsewhere, where a folder of data would not be found.
pyproject=crates/python/pyproject.toml
cp "$pyproject" "$pyproject.kept"
trap 'mv "$pyproject.kept" "$pyproject"' EXIT
sed -i 's/^\[tool\.maturin\]$/&\ndata = "lpzero.data"/' "$pyproject"
"$venv/bin/maturin" build --release --locked --out dist \
  --manifest-path crates/python/Cargo.toml "$@"
