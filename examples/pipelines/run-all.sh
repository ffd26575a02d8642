#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs every example here, and the Python programs, and says how it went; exits with 1 if one failed.
#
#   RING_HEADLESS=1 examples/pipelines/run-all.sh
cd "$(dirname "$0")" || exit 1
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for example in *.sh ../apps/spikes.py; do
  case $example in common.sh|run-all.sh) continue ;; esac
  ./"$example" >"$log" 2>&1
  result=$?
  case $result in
    0) passed=$((passed + 1)); echo "ok      $example" ;;
    77) skipped=$((skipped + 1)); echo "skipped $example: $(tail -n 1 "$log")" ;;
    *)
      failed=$((failed + 1))
      echo "FAILED  $example (exit $result)"
      sed 's/^/        /' "$log"
      ;;
  esac
done

echo "$passed passed, $failed failed, $skipped skipped"
test $failed -eq 0
