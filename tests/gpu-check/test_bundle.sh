#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A bundle is made, moved, and its gpu-check run over the stand-in driver: what it
# counts, what it does about programs that hang and crash, and what it says.
#
#   test_bundle.sh BUILD MISBEHAVE MISBEHAVE-CHECK
#
# The latter two are the programs of these names. Speaks TAP.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1
misbehave=$2
misbehave_check=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
number=0

# ok NAME COMMAND …: whether that succeeds; its output is shown if not.
ok ()
{
  local name=$1 text
  shift

  number=$((number + 1))
  if text=$("$@" 2>&1); then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    sed 's/^/# /' <<< "$text"
  fi
}

skip ()
{
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

# Without anything of this machine's environment.
check ()
{
  env -i PATH=/usr/bin:/bin HOME=/nonexistent "$bundle/gpu-check" "$@" > "$work/said" 2>&1
}

passes ()
{
  check "$@" || { cat "$work/said"; return 1; }
}

# fails_with STATUS COMMAND …
fails_with ()
{
  local wanted=$1 status=0
  shift

  "$@" || status=$?
  [ $status = "$wanted" ] || { echo "status $status, not $wanted:"; cat "$work/said"; return 1; }
}

# says TEXT …: in the summary.
says ()
{
  local text

  for text; do
    grep -qF -- "$text" "$out/summary.txt" \
        || { echo "the summary does not say '$text':"; cat "$out/summary.txt"; return 1; }
  done
}

# counts PASSED FAILED SKIPPED TIMED-OUT NOT-RUN: of the whole, in both summaries; '-'
# is any number but 0.
counts ()
{
  python3 - "$out" "$@" <<'END'
import json, sys

with open(sys.argv[1] + '/summary.json', encoding='ascii') as file:
    summary = json.load(file)
keys = ['passed', 'failed', 'skipped', 'timed_out', 'not_run']
with open(sys.argv[1] + '/summary.txt', encoding='utf-8') as file:
    line = file.readline().split(': ')[2]
said = [int(part.split()[0]) for part in line.split(', ')]
for key, text, wanted in zip(keys, said, sys.argv[2:]):
    value = summary[key]
    assert value == text, (key, value, text)
    assert value == sum(p[key] for p in summary['programs']), (key, value)
    assert value > 0 if wanted == '-' else value == int(wanted), (key, value, wanted)
for program in summary['programs']:
    assert (len(program['problems']) > 0) == (
        program['failed'] + program['timed_out'] + program['not_run'] > 0), program
    for problem in program['problems']:
        assert problem['case'] and problem['outcome'], problem
failed = summary['failed'] + summary['timed_out'] + summary['not_run'] > 0
assert summary['result'] == ('failed' if failed else 'passed'), summary['result']
for key in ['backend', 'device', 'date', 'commit', 'machine']:
    assert summary[key], key
END
}

few_files ()
{
  local names

  names=$(cd "$out" && find . -type f)
  [ "$(wc -l <<< "$names")" -le 8 ] && ! grep -v '^\(\./[A-Za-z0-9._-]*\|\./[A-Za-z0-9._-]*/[A-Za-z0-9._-]*\)$' <<< "$names"
}

nobody_left ()
{
  ! grep -l "^$bundle/tests/runtime/runtime-misbehave" /proc/[0-9]*/cmdline 2> /dev/null
}

# ---- making it

mkdir "$work/mine"
touch "$work/mine/precious"
ok 'a folder that is no bundle is left alone' \
    fails_with 1 "$here/bundle.sh" "$build" "$work/mine"
ok 'what was in it is still there' test -e "$work/mine/precious"
ok 'a bundle is made' "$here/bundle.sh" "$build" "$work/made"
ok 'a bundle is replaced' "$here/bundle.sh" "$build" "$work/made"
bundle=$work/elsewhere
if ! mv "$work/made" "$bundle"; then
  echo 'Bail out! there is no bundle'
  exit 1
fi
outside ()
{
  local file

  # What a library of another place would be found by.
  while read -r file; do
    ! LD_LIBRARY_PATH=$bundle/lib ldd "$file" | grep -v "$bundle/lib/" \
        | grep ' => ' | grep -vE '/(libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|ld-linux[^/]*)\.so' \
        || { echo "in $file"; return 1; }
  done < <(find "$bundle/bin" "$bundle/plugins" "$bundle/tests" -type f -perm -u+x ! -name '*.sh')
}
ok 'only the C library comes from outside' outside
ok 'its GStreamer knows the element' env -i PATH=/usr/bin:/bin RING_BUNDLE_WORK="$work/run" \
    "$bundle/run" gst-inspect-1.0 ringkernelfilter

# ---- running it

driver=(--backend cpu)
rounds=1
if [ -e "$bundle/stand-in/libcuda.so.1" ]; then
  driver=(--driver stand-in)
  rounds=2
fi
if ldconfig -p | grep -q libcuda.so.1; then
  skip 'without a GPU it says so in one line' 'there is a driver here'
else
  ok 'without a GPU it says so' fails_with 77 check "$out"
  ok 'in one line' test "$(wc -l < "$work/said")" = 1
fi
ok 'a backend that does not exist is refused' fails_with 2 check "$out" --backend opencl
ok 'a program that does not exist is refused' \
    fails_with 2 check "$out" "${driver[@]}" --only no-such-program

ok 'programs that pass are a success' \
    passes "$out" "${driver[@]}" --only runtime/life --only abi --only 'gst/stat*' --only real-media
ok 'they are counted' counts - 0 "$(grep -c '^  .*: .*' <(sed -n '/^Skipped/,$p' "$out/summary.txt"))" 0 0
ok 'each is named' says runtime/life runtime/abi gst/states pipelines/real-media
ok 'few files come of it' few_files

cp "$misbehave" "$bundle/tests/runtime/runtime-misbehave"
ok 'a program that fails, hangs and crashes is a failure' \
    fails_with 1 check "$out" "${driver[@]}" --timeout 2 --only runtime/misbehave
# The first is the probe's.
ok 'all its cases are counted, in each mode' \
    counts $((4 * rounds + 1)) $((3 * rounds)) "$rounds" "$rounds" 0
ok 'what failed is named, and why' says \
    '/misbehave/fails: ended by signal 6' 'assertion failed (1 == 2)' \
    '/misbehave/hangs: timed out, nothing heard for 2 s' \
    '/misbehave/crashes: ended by signal 11' \
    '/misbehave/fails-and-goes-on: failed' 'this is "why"' \
    '/misbehave/is-skipped: just so'
ok 'nothing of it is left running' nobody_left
if [ $rounds = 2 ]; then
  ok 'the device was asked whether it still works' says 'runtime/misbehave (persistent): the device works'
fi

# Each test that did not go well in the process of all runs in one of its own.
cp "$misbehave_check" "$bundle/tests/gst/gst-misbehave"
ok 'so is one of the check library' \
    fails_with 1 check "$out" "${driver[@]}" --timeout 2 --only gst/misbehave
ok 'all its rounds are counted, once' counts 7 3 0 1 0
ok 'what failed there is named, and why' says \
    'gst/misbehave fails#1: failed' "Assertion '1==2' failed" \
    'gst/misbehave fails_once#2: failed' 'gst/misbehave crashes' 'ignal 11 (S' \
    'gst/misbehave hangs: timed out, nothing heard for 2 s'
rm "$bundle/tests/gst/gst-misbehave"
if [ $rounds = 2 ]; then
  # A device that is lost with the first crash.
  mv "$bundle/bin/gpu-probe" "$bundle/bin/gpu-probe.real"
  cat > "$bundle/bin/gpu-probe" <<END
#!/bin/sh
if [ -e "$work/lost" ]; then
  echo error=lost for good
  exit 1
fi
touch "$work/lost"
exec gpu-probe.real "\$@"
END
  chmod +x "$bundle/bin/gpu-probe"
  ok 'on a device that is lost no more is tried' \
      fails_with 1 check "$out" "${driver[@]}" --timeout 2 --only misbehave --only life
  ok 'what was not run is counted' counts - 1 0 0 -
  ok 'and it says why' says 'the device does not work: lost for good' 'not run: the device no longer works'
  mv "$bundle/bin/gpu-probe.real" "$bundle/bin/gpu-probe"
fi

ok 'when the time is over no more is tried' \
    fails_with 1 check "$out" "${driver[@]}" --budget 1 --only life
ok 'and it says so' says 'not run: the 1 s are over'
echo "1..$number"
