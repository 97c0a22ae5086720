#!/usr/bin/env bash
# Makes a release: everything that is given away, in `dist`. The version stands in Cargo.toml
# alone; other files that name it are compared. Nothing is pushed and nothing is tagged.
#
#   tools/release.sh --check    compares the versions, no more
#   tools/release.sh            gate, tarball, wheel, checksums
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
wrong=0
names() {
  if ! grep -q "$2" "$1"; then
    echo "$1 does not name version $version: expected a line with $2" >&2
    wrong=1
  fi
}
names CITATION.cff "^version: \"\?$version\"\?"
names packaging/conda/recipe.yaml "version: \"$version\""
names CHANGELOG.md "^## $version\|^## \[$version\]\|^## \[Unreleased\]"
if [ "$(grep -c "path = \"crates/.*version = \"$version\"" Cargo.toml)" != "$(grep -c 'path = "crates/' Cargo.toml)" ]; then
  echo "Cargo.toml: a crate of the workspace is asked for in another version than $version" >&2
  wrong=1
fi
[ "$wrong" = 0 ] || exit 1
echo "version $version"
[ "${1:-}" != --check ] || exit 0

if [ -n "$(git status --porcelain)" ]; then
  echo "there are changes that no commit has" >&2
  exit 1
fi
.ci/run
rm -rf dist
tools/tarball.sh
tools/wheel.sh
(cd dist && sha256sum ./*.tar.gz ./*.whl > SHA256SUMS && cat SHA256SUMS)
echo "next: git tag v$version, and give away what is in dist"
