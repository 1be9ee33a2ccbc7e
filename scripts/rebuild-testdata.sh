#!/bin/sh
# Rebuilds the committed binaries under testdata/ from their sources with this machine's
# compilers: all, or those whose line in testdata/elf/MANIFEST contains the argument,
# or with `kernel` only testdata/kernel/prebuilt.
#
# Entries whose compiler is missing are kept. Those that ask for a newer clang can be
# made with the one in PyPI's ziglang package:
#
#     SPLITBTF_TOOL_CLANG="python3 -m ziglang cc" scripts/rebuild-testdata.sh 'clang>=22'
set -eu
cd "$(dirname "$0")/.."
exec cargo run --quiet --package test-kit --bin rebuild-testdata -- "$@"
