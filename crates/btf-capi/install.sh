#!/bin/sh
# Installs the C library, its header and its pkg-config file, after
# `cargo build --release -p btf-capi`.
#
#   PREFIX=/usr LIBDIR=/usr/lib64 DESTDIR=/tmp/stage crates/btf-capi/install.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PREFIX=${PREFIX:-/usr/local}
LIBDIR=${LIBDIR:-$PREFIX/lib}
DESTDIR=${DESTDIR:-}
TARGET_DIR=${CARGO_TARGET_DIR:-$here/../../target}
BUILD_DIR=${BUILD_DIR:-$TARGET_DIR/release}
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -n 1)

install -d "$DESTDIR$LIBDIR/pkgconfig" "$DESTDIR$PREFIX/include/splitbtf/bpf"
install -m 755 "$BUILD_DIR/libsplitbtf.so" "$DESTDIR$LIBDIR/libsplitbtf.so.$VERSION"
ln -sf "libsplitbtf.so.$VERSION" "$DESTDIR$LIBDIR/libsplitbtf.so.0"
ln -sf libsplitbtf.so.0 "$DESTDIR$LIBDIR/libsplitbtf.so"
install -m 644 "$BUILD_DIR/libsplitbtf.a" "$DESTDIR$LIBDIR/libsplitbtf.a"
install -m 644 "$here"/include/splitbtf/bpf/*.h "$DESTDIR$PREFIX/include/splitbtf/bpf/"
sed -e "s|@PREFIX@|$PREFIX|" -e "s|@LIBDIR@|$LIBDIR|" -e "s|@VERSION@|$VERSION|" \
	"$here/splitbtf.pc.in" >"$DESTDIR$LIBDIR/pkgconfig/splitbtf.pc"
