#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the project promises of a GPU, measured on the one in this machine: all parts,
# then a table of goals. JSON and text stay in bench-gpu/ of the build folder.
# --quick: only whether it runs. Status 77: there is no GPU, or nothing to measure it
# with in this build.
set -uo pipefail

build=${RINGKERNEL_BUILD:?run this as ./dev bench gpu}
program=$build/tests/benchmarks/gpu/gpu-bench
out=$build/bench-gpu
if [ ! -x "$program" ]; then
  echo "gpu: not in this build: it was made without the CUDA toolkit or without json-glib"
  exit 77
fi
mkdir -p "$out"
rm -f "$out"/*.json "$out/table.txt"

failed=()
for part in $("$program" --list); do
  "$program" "$part" --json "$out/$part.json" "$@" | tee "$out/$part.txt"
  status=${PIPESTATUS[0]}
  case $status in
    0) ;;
    77)
      echo "gpu: there is no GPU here that could be measured"
      exit 77
      ;;
    *) failed+=("$part") ;;
  esac
done

{
  sed -n 's/^ *"\(gpu\|driver\|commit\|date\)" : "\(.*\)",*$/\1: \2/p' "$out/machine.json"
  echo
  echo "goals:"
  cat "$out"/*.txt | grep ' goal: ' || true
  echo
  echo "goals met: $(cat "$out"/*.txt | grep -c ': met$')," \
      "missed: $(cat "$out"/*.txt | grep -c ': MISSED$')," \
      "parts that failed: ${#failed[@]}${failed:+ (${failed[*]})}"
} > "$out/table"
mv "$out/table" "$out/table.txt"
cat "$out/table.txt"
echo "gpu: all figures are in $out"
[ ${#failed[@]} = 0 ]
