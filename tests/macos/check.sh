#!/usr/bin/env bash
# Type-checks every crate for macOS on a Debian machine. It proves types, not behaviour, and cannot link.
#
# No Apple SDK is needed: Debian packs the compiler with the sources of its standard library, and zig brings the headers of the C
# library for the crates that compile C. Both are unpacked into a folder of their own (AGENTLAB_MACOS, by default target/macos)
# and installed nowhere. About 2.5 minutes the first time on two cores, half a minute after it.
set -euo pipefail
cd "$(dirname "$0")/../.."
FOLDER=${AGENTLAB_MACOS:-$PWD/target/macos}
TARGET=aarch64-apple-darwin
PACKAGES=(rustc-web cargo-web rust-web-src libstd-rust-web-dev libstd-rust-web-1.96
    libllvm22 libgit2-1.5 libssh2-1 libhttp-parser2.9 libmbedtls14 libmbedcrypto7 libmbedx509-1 libz3-4 libedit2 libbsd0 libmd0 libxml2)
mkdir -p "$FOLDER"

ROOT=$FOLDER/root
if [ ! -x "$ROOT/usr/bin/cargo" ]; then
    echo "== the compiler, unpacked into $ROOT"
    mkdir -p "$FOLDER/packages" "$ROOT"
    (cd "$FOLDER/packages" && apt-get download "${PACKAGES[@]}")
    for package in "$FOLDER"/packages/*.deb; do
        dpkg -x "$package" "$ROOT"
    done
fi
if [ ! -x "$FOLDER/venv/bin/python" ]; then
    echo "== zig, for the crates that compile C"
    python3 -m venv "$FOLDER/venv"
    "$FOLDER/venv/bin/pip" install --quiet ziglang
fi
wrapper() {
    printf '#!/bin/sh\nexec "%s" -m ziglang %s "$@"\n' "$FOLDER/venv/bin/python" "$2" >"$FOLDER/$1"
    chmod +x "$FOLDER/$1"
}
[ -x "$FOLDER/zcc" ] || wrapper zcc "cc -target aarch64-macos"
[ -x "$FOLDER/zar" ] || wrapper zar ar

echo "== every crate for $TARGET"
LLVM=$(dirname "$(find "$ROOT/usr/lib" -name 'libLLVM*.so*' -print -quit)")
export LD_LIBRARY_PATH="$ROOT/usr/lib/x86_64-linux-gnu:$ROOT/usr/lib:$LLVM"
export RUSTC="$ROOT/usr/bin/rustc" CARGO="$ROOT/usr/bin/cargo" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$FOLDER/target"
export CC_aarch64_apple_darwin="$FOLDER/zcc" AR_aarch64_apple_darwin="$FOLDER/zar" CRATE_CC_NO_DEFAULTS=1
export CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=fallback
# A linter that wraps the installed compiler knows nothing of this one.
unset RUSTUP_TOOLCHAIN RUSTC_WRAPPER
"$CARGO" check -Zbuild-std=std,panic_abort --target "$TARGET" --workspace --locked
