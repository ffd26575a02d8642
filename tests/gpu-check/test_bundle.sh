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
tools=''
check ()
{
  env -i PATH="${tools:+$tools:}/usr/bin:/bin" HOME=/nonexistent "$bundle/gpu-check" "$@" > "$work/said" 2>&1
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

# The last line that was said is of the same counts.
last_line ()
{
  python3 - "$out" "$(tail -n 1 "$work/said")" <<'END'
import json, sys

with open(sys.argv[1] + '/summary.json', encoding='ascii') as file:
    summary = json.load(file)
failed = summary['failed'] + summary['timed_out'] + summary['not_run']
wanted = f"{summary['passed']} passed, {failed} failed, {summary['skipped']} skipped"
assert sys.argv[2] == wanted, (sys.argv[2], wanted)
END
}

# measured EXPRESSION: whether it is true of benchmarks.json, `b`, where `part` are the
# parts by name, and `figure` the neighbours' figures.
measured ()
{
  python3 - "$out" "$1" <<'END'
import json, sys

with open(sys.argv[1] + '/benchmarks.json', encoding='utf-8') as file:
    b = json.load(file)
part = {p['part']: p for p in b['parts']}
figure = {f['name']: f for f in b['neighbours']}
for key in ['backend', 'device', 'date', 'commit', 'machine']:
    assert b[key], key
assert eval(sys.argv[2]), json.dumps(b, indent=1)
END
}

# prints TEXT …: in benchmarks.txt, where any space is as good as several.
prints ()
{
  local text

  for text; do
    tr -s ' ' < "$out/benchmarks.txt" | grep -qF -- "$text" \
        || { echo "benchmarks.txt does not say '$text':"; cat "$out/benchmarks.txt"; return 1; }
  done
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

measures ()
{
  env -i PATH=/usr/bin:/bin RING_BUNDLE_WORK="$work/run" "$bundle/run" python3 \
      "$bundle/tests/benchmarks/peers/peers.py" --quick --only gain --out "$work/peers" \
      && grep -q '^| `gain` | `volume' "$work/peers/table.md"
}
if /usr/bin/python3 -c 'import cv2, numpy, scipy' 2> /dev/null; then
  ok 'its kernels can be measured beside what people use' measures
else
  skip 'its kernels can be measured beside what people use' 'no numpy, scipy and OpenCV'
fi

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
ok 'the last line counts them' last_line

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

  # ---- neighbours

  ok 'the neighbours pass' passes "$out" "${driver[@]}" --only neighbours
  ok 'each is named' says neighbours/context neighbours/processes
  ok 'nothing of them is skipped' counts - 0 0 0 0
  ok 'how long they had to wait is kept' measured \
      "figure['alloc-free/worst-stall']['value'] > 0 and figure['start-stop/cycle']['unit'] == 'ms' and b['parts'] == []"
  ok 'and said' prints alloc-free/worst-stall second-program/total-p50-beside-paused

  # ---- under a sanitizer

  ok 'no sanitizer is used over the stand-in' \
      passes "$out" "${driver[@]}" --only 'sanitizer/*'
  ok 'and each says why' says 'sanitizer/memcheck (all): the stand-in driver executes nothing' \
      'sanitizer/racecheck (all): the stand-in' 'sanitizer/synccheck (all): the stand-in'
  # What gpu-check takes for a real one.
  cp -R "$bundle/stand-in" "$work/driver"
  if ls /usr/local/cuda*/{bin,compute-sanitizer}/compute-sanitizer > /dev/null 2>&1; then
    skip 'without a sanitizer that is said' 'there is one here'
  else
    ok 'without a sanitizer that is said' passes "$out" --driver "$work/driver" --only memcheck
    ok 'as what was skipped' says 'sanitizer/memcheck (all): there is no compute-sanitizer'
  fi
  tools=$work/tools
  mkdir "$tools"
  cat > "$tools/compute-sanitizer" <<'END'
#!/bin/bash
# One tool finds nothing, one an error, and one cannot work here.
[ "$1" != --version ] || exit 0
while [ "${1#--}" != "$1" ]; do
  case $1 in
    --tool) tool=$2 ;;
    --error-exitcode) code=$2 ;;
  esac
  shift 2
done
echo '========= COMPUTE-SANITIZER'
if [ "$tool" = synccheck ]; then
  echo '========= Error: Device not supported by this tool'
  exit 1
fi
if [ "$tool" = memcheck ] && [ -e "${0%/*}/later" ]; then
  printf '========= %s\n' 'Invalid __global__ read of size 16 bytes' \
      '    Access to 0x2a9a133c00 is out of bounds' \
      '    and is inside the nearest allocation at 0x2a9a133c00 of size 262144 bytes' '' \
      "Error: process didn't terminate successfully"
  exit "$code"
fi
"$@"
status=$?
if [ "$tool" = racecheck ]; then
  echo '========= Error: Race reported between two writes at ring_kernel_invert'
  echo '========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)'
  exit "$code"
fi
echo '========= ERROR SUMMARY: 0 errors'
exit $status
END
  chmod +x "$tools/compute-sanitizer"
  ok 'a sanitizer that finds nothing is a success' \
      passes "$out" --driver "$work/driver" --only sanitizer/memcheck
  ok 'each case under it counts, and what it found' counts - 0 0 0 0
  touch "$tools/later"
  ok 'memory that came after the launch of a kernel that stays is no failure' \
      passes "$out" --driver "$work/driver" --only sanitizer/memcheck
  ok 'but nothing more was looked at' says \
      'kernels-backends under memcheck: 0 of ' 'ended a kernel for memory that came after its launch'
  rm "$tools/later"
  ok 'one that finds an error is a failure' \
      fails_with 1 check "$out" --driver "$work/driver" --only sanitizer
  ok 'and nothing else is' counts - 2 2 0 0
  ok 'what it found is named' says \
      'kernels-backends under racecheck: found: Error: Race reported between two writes at ring_kernel_invert' \
      'runtime-messages under racecheck: found: Error: Race'
  ok 'what it cannot do is skipped' says \
      'kernels-backends under synccheck: Error: Device not supported by this tool'
  tools=''

  # ---- benchmarks

  bench=$bundle/tests/benchmarks/gpu-bench
  [ ! -e "$bench" ] || mv "$bench" "$work/gpu-bench.real"
  cat > "$bench" <<'END'
#!/bin/bash
# A stub of gpu-bench, in which goes wrong what can.
if [ "$1" = --list ]; then
  printf '%s\n' good misses fails absent lies broken other dies hangs last
  exit
fi
part=$1 quick=false file=''
shift
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=true ;;
    --json) file=$2; shift ;;
  esac
  shift
done
# leave STATUS REASON RESULT
leave ()
{
  printf '{ "part": "%s", "status": "%s", "reason": "%s", "quick": %s, "results": [%s] }' \
      "$part" "$1" "$2" $quick "$3" > "$file"
}
one='{ "name": "round trip, 64 B", "value": 2.5, "unit": "us", "goal": "at most 3 us", "met": true, "limit": null, "p99": 4.5 }'
echo "progress of $part"
case $part in
  good | last) leave ok '' "$one" ;;
  misses) leave ok '' "$one, { \"name\": \"rate\", \"value\": 2e6, \"unit\": \"1/s\", \"goal\": 3e6, \"met\": false, \"limit\": \"reads across the bus\" }" ;;
  fails) leave failed '3 of 9 results were wrong' ''; exit 1 ;;
  absent) leave skipped 'no GPU' ''; exit 77 ;;
  lies) leave failed '' "$one" ;;
  broken) echo '{ "part": "broken", "results": [' > "$file" ;;
  other) part=another; leave ok '' "$one" ;;
  dies) leave ok '' "$one"; kill -SEGV $$ ;;
  hangs) exec sleep 1000 ;;
esac
END
  chmod +x "$bench"
  ok 'benchmarks that fail and hang are a failure' \
      fails_with 1 check "$out" "${driver[@]}" --timeout 2 --only benchmarks
  # Probe, good, misses, last, and each benchmark that is not a stub; fails, lies, broken, other, dies; absent; hangs.
  others=$(find "$bundle/tests/benchmarks" -maxdepth 1 -type f -perm -u+x ! -name gpu-bench | wc -l)
  ok 'each part is counted' counts $((4 + others)) 5 1 1 0
  ok 'the last line counts them, too' last_line
  ok 'what failed is named, and why' says \
      'benchmarks/fails --quick: 3 of 9 results were wrong' \
      "benchmarks/lies --quick: it ended with status 0, and its JSON says 'failed'" \
      'benchmarks/broken --quick: its JSON cannot be read: ' \
      'benchmarks/other --quick: its JSON does not say "part": "other"' \
      'benchmarks/dies --quick: ended by signal 11 (SEGV)' \
      'benchmarks/hangs --quick: timed out, nothing heard for 6 s' \
      'benchmarks/absent --quick: no GPU'
  ok 'met goals are said at once' grep -q 'goals: 1 met, 1 missed' "$work/said"
  ok 'all parts are in the JSON' measured \
      "list(part) == 'good misses fails absent lies broken other dies hangs last'.split()"
  ok 'with what became of each' measured \
      "[part[p]['status'] for p in part] == ['ok', 'ok', 'failed', 'skipped'] + 4 * ['failed'] + ['timed out', 'ok']"
  ok 'and with its results' measured \
      "part['good']['results'][0]['p99'] == 4.5 and part['misses']['results'][1]['met'] is False and part['good']['quick'] and part['broken']['results'] == []"
  ok 'the text says which goals are met' prints \
      'good: round trip, 64 B | 2.5 us | at most 3 us | met' \
      'misses: rate | 2e+06 1/s | 3e+06 | missed' 'reads across the bus' \
      'broken | - | - | failed' 'hangs | - | - | timed out' 'p99 4.5'
  ok 'nobody takes them for those of a GPU' prints 'say nothing of any GPU'
  ok 'still few files' few_files
  ok 'a part alone' passes "$out" "${driver[@]}" --only benchmarks/good
  ok 'is one part' counts 2 0 0 0 0
  ok 'and nothing else' measured "list(part) == ['good']"

  # One that talks and never ends takes the time of its own suite, not of the next.
  cat > "$bundle/tests/neighbours/neighbours-chatters" <<'END'
#!/bin/bash
if [ "$1" = -l ]; then
  echo /chatters
  exit
fi
while sleep 0.2; do
  echo '# and another thing'
done
END
  chmod +x "$bundle/tests/neighbours/neighbours-chatters"
  ok 'what does not end is ended' \
      fails_with 1 check "$out" "${driver[@]}" --budget 20 --only chatters --only benchmarks/last
  ok 'and the next suite has its time' counts 2 0 0 1 0
  ok 'the one is named' says '/chatters: timed out, it took longer than'
  rm "$bundle/tests/neighbours/neighbours-chatters" "$bench"
  [ ! -e "$work/gpu-bench.real" ] || mv "$work/gpu-bench.real" "$bench"
else
  skip 'neighbours, sanitizers and benchmarks' 'there is no stand-in driver'
fi

ok 'when the time is over no more is tried' \
    fails_with 1 check "$out" "${driver[@]}" --budget 1 --only life
ok 'and it says so' says 'not run: the 1 s are over'
echo "1..$number"
