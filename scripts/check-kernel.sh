#!/usr/bin/env bash
# Encodes a Debian kernel and all of its modules, and checks what came out.
#
#   scripts/check-kernel.sh [6.12|6.1]
#
# The kernel is the series' newest `linux-image-*-cloud-amd64-dbg`, fetched if it is not there (`cargo xtask kernel`).
# Checks: every module encodes; the output is the same with 1 and with 8 threads; encoding a module in place twice gives
# the same bytes; bpftool reads every result; the kernel's own checks (splitbtf verify) accept every result; no more
# bytes than the package's own BTF; the same types as the package's own BTF (`cargo xtask compare`); and what the crates'
# own tests ask of a real kernel: bytes in and out, dumps as bpftool's, C that compiles with the same layout, deduplication
# as libbpf's, the kernel's rules.
set -euo pipefail
cd "$(dirname "$0")/.."

series=${1:-6.12}
kernel=$(cargo xtask kernel --series "$series")
vmlinux=$(sed -n 's/^vmlinux: //p' <<<"$kernel")
modules=$(sed -n 's/^modules: //p' <<<"$kernel")
n=$(find "$modules" -name '*.ko' | wc -l)
cargo build --release --quiet -p splitbtf-cli
splitbtf=${CARGO_TARGET_DIR:-target}/release/splitbtf
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

echo "vmlinux of $series"
"$splitbtf" encode -o "$out/vmlinux.btf" "$vmlinux"
"$splitbtf" verify "$out/vmlinux.btf"

echo "$n modules, split on the package's own vmlinux"
"$splitbtf" encode --base "$vmlinux" --out-dir "$out/j8" -j 8 "$modules" >/dev/null
"$splitbtf" encode --base "$vmlinux" --out-dir "$out/j1" -j 1 "$modules" >/dev/null
diff -r "$out/j1" "$out/j8"
[ "$(find "$out/j1" -name '*.btf' | wc -l)" = "$n" ] || { echo "not all modules were encoded" >&2; exit 1; }

ours=$(cat "$out"/j1/*.btf | wc -c)
theirs=$(find "$modules" -name '*.ko' -exec readelf -SW {} + | awk '$2 == ".BTF" || $3 == ".BTF" {
    for (i = 1; i <= NF; i++) if ($i == "PROGBITS") print $(i + 3) }' | while read -r hex; do echo $((16#$hex)); done |
    awk '{ sum += $1 } END { print sum }')
echo "split BTF: $ours bytes, the package's own: $theirs bytes"
[ "$ours" -le "$theirs" ] || { echo "larger than the package's own BTF" >&2; exit 1; }

echo "readable by bpftool, and accepted by the kernel's checks"
if command -v bpftool >/dev/null; then
    find "$out/j1" -name '*.btf' -print0 |
        xargs -0 -P 2 -I FILE sh -c 'bpftool -B "$1" btf dump file "$2" >/dev/null || exit 255' - "$vmlinux" FILE
else
    echo "SKIP: bpftool is missing" >&2
fi
"$splitbtf" verify --base "$vmlinux" --kernel "$series" "$out"/j1/*.btf >/dev/null

echo "in place, twice"
cp "$(find "$modules" -name 'btrfs.ko' -o -name 'ext4.ko' | head -n 1)" "$out/module.ko"
"$splitbtf" encode --base "$vmlinux" "$out/module.ko" >/dev/null
cp "$out/module.ko" "$out/once.ko"
"$splitbtf" encode --base "$vmlinux" "$out/module.ko" >/dev/null
cmp "$out/once.ko" "$out/module.ko"
"$splitbtf" verify --base "$vmlinux" "$out/module.ko"

echo "the same types as in the package's own BTF"
cargo xtask compare --series "$series"
echo "tests that read a real kernel"
SPLITBTF_KERNEL_DIR=${vmlinux%/boot/*} cargo test --quiet -p btf-builder -p btf-dedup -p btf-dump -p btf-verify \
    --features test-kit/libbpf --tests
echo "all good"
