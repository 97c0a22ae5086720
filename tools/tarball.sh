#!/usr/bin/env bash
# Packs the command with its manual and completions: `dist/lpzero-VERSION-TARGET.tar.gz`, and its
# SHA-256 beside it. `cargo binstall` takes such an archive; so does anybody with tar.
#
#   tools/tarball.sh            builds with all that the compiler can do
#   PROFILE=release tools/tarball.sh
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${PROFILE:-dist}
target=${CARGO_TARGET_DIR:-target}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
triple=$(rustc -vV | sed -n 's/^host: //p')
LPZERO_COMMIT=${LPZERO_COMMIT:-$(git rev-parse --short=12 HEAD 2> /dev/null || true)}
[ -z "$LPZERO_COMMIT" ] || export LPZERO_COMMIT

cargo build --profile "$profile" --locked -p lpzero-cli --bin lpzero
name=lpzero-$version-$triple
folder=$target/tarball/$name
rm -rf "$folder"
mkdir -p "$folder/completions" dist
cp "$target/$profile/lpzero" LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md "$folder"
strip "$folder/lpzero" 2> /dev/null || true
"$folder/lpzero" man "$folder/man" > /dev/null
"$folder/lpzero" completions bash > "$folder/completions/lpzero.bash"
"$folder/lpzero" completions zsh > "$folder/completions/_lpzero"
"$folder/lpzero" completions fish > "$folder/completions/lpzero.fish"
# The same bytes from the same files, whenever it is packed.
when=@$(git log -1 --format=%ct 2> /dev/null || echo 0)
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="$when" \
  -C "$target/tarball" -cf - "$name" | gzip -n9 > "dist/$name.tar.gz"
(cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
ls -l "dist/$name.tar.gz"
