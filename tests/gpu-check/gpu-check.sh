#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# gpu-check: in a bundle, runs all its tests and benchmarks on the GPU of this machine.
#
# Each program runs under its own time-out. If it fails or hangs, the case is noted
# and the rest of the program still runs, so that one hang costs seconds. OUT gets
# summary.txt and summary.json, benchmarks.txt and benchmarks.json, and logs: not more
# than 8 files.
set -uo pipefail

usage ()
{
  cat <<'END'
usage: gpu-check OUT [OPTION …]

  OUT                  folder for summary.txt, summary.json, logs/, and what was
                       measured: benchmarks.txt, benchmarks.json

  --only NAME          only the programs, or the suite, of that name: runtime/life,
                       life, gst/*, neighbours, benchmarks/roundtrip, sanitizer/*;
                       may be given several times. The suites are runtime, kernels,
                       neighbours, benchmarks, gst, pipelines, sanitizer
  --backend cpu|cuda   where kernels run; default cuda
  --timeout S          how long a test may say nothing; default 20
  --budget S           how long everything may take; default 460
  --driver DIR         where to look for libcuda.so.1 first; `--driver stand-in` is
                       the driver of the project's own tests, without a GPU

Over the stand-in driver benchmarks only show that they work (--quick), and nothing of
the sanitizer is run. The last line is `N passed, N failed, N skipped`; what timed out or
was not run counts as failed there.

Status: 0 all passed, 1 something failed, 2 wrong usage, 77 there is no GPU.
END
}

die ()
{
  echo "gpu-check: $*" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out='' only=() backend=cuda patience=20 budget=460 driver=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --only | --backend | --timeout | --budget | --driver)
      [ $# -ge 2 ] || die "$1 needs a value"
      case $1 in
        --only) only+=("$2") ;;
        --backend) backend=$2 ;;
        --timeout) patience=$2 ;;
        --budget) budget=$2 ;;
        --driver) driver=$2 ;;
      esac
      shift
      ;;
    -*) usage >&2; die "there is no option '$1'" ;;
    *)
      [ -z "$out" ] || die "one OUT only, not '$out' and '$1'"
      out=$1
      ;;
  esac
  shift
done
[ -n "$out" ] || { usage >&2; exit 2; }
case $backend in cpu | cuda) ;; *) die "--backend is '$backend', not cpu or cuda" ;; esac
[[ $patience =~ ^[1-9][0-9]{0,3}$ ]] || die "--timeout is '$patience', not 1 to 9999 seconds"
[[ $budget =~ ^[1-9][0-9]{0,4}$ ]] || die "--budget is '$budget', not 1 to 99999 seconds"
if [ -n "$driver" ]; then
  [ -d "$driver" ] || driver=$here/$driver
  [ -e "$driver/libcuda.so.1" ] || die "there is no libcuda.so.1 in $driver"
  driver=$(cd "$driver" && pwd)
fi
mkdir -p "$out/logs" || die "cannot write to $out"
out=$(cd "$out" && pwd)
rm -f "$out"/{summary,benchmarks}.{txt,json} "$out/logs"/{runtime,kernels,gst,pipelines,benchmarks}.log

work=$(mktemp -d) || die "no temporary folder"
trap 'rm -rf "$work"' EXIT
mkfifo "$work/lines"
mkdir "$work/tmp"

say ()
{
  printf '%s\n' "$*"
}

# shellcheck source=check-summary.sh
. "$here/parts/check-summary.sh"
# shellcheck source=check-programs.sh
. "$here/parts/check-programs.sh"
# shellcheck source=check-benchmarks.sh
. "$here/parts/check-benchmarks.sh"
# shellcheck source=check-sanitizer.sh
. "$here/parts/check-sanitizer.sh"

# ---- what programs see

export RING_BUNDLE_WORK=$work RING_BUNDLE_DRIVER=$driver TMPDIR=$work/tmp
export RING_TEST_BACKEND=$backend RINGKERNEL_BACKEND=$backend
export G_TEST_SRCDIR=$here/tests/runtime G_TEST_BUILDDIR=$here/tests/runtime
export RINGKERNEL_TEST_SOURCE_ROOT=$here RINGKERNEL_BUILD=$here
export CK_TAP_LOG_FILE_NAME=- G_DEBUG='' G_MESSAGES_DEBUG=''
unset RING_TEST_MODE
if [ "$driver" = "$here/stand-in" ]; then
  # Its device is threads of the process; and it needs room for the widest grid that
  # a test asks for.
  export RING_TEST_SHARED_ADDRESSES=1
  export RING_FAKE_MULTIPROCESSORS=${RING_FAKE_MULTIPROCESSORS:-8}
  export RING_FAKE_MAX_THREADS=${RING_FAKE_MAX_THREADS:-1}
fi
export RING_TEST_KERNEL_DIR=$here/tests/runtime/kernels

# ---- pipelines

# Real media through kernels whose results must not depend on where they run, as a
# user would do it; NAME MEDIA KERNEL PARAMETERS CAPS.
pipelines=(
  'edges|clip.webm|edges||video/x-raw,format=I420'
  'gray|clip.webm|gray||video/x-raw,format=RGBA'
  'invert|clip.webm|invert||video/x-raw,format=NV12'
  'temporal-denoise|clip.webm|temporal-denoise|strength=0.6|video/x-raw,format=BGRx'
  'decimate|ecg.bin|decimate|factor=7|application/x-ring-record,type=(string)"(td)"'
)

run_pipelines ()
{
  local item name media kernel parameters caps to source ok stop

  for item in "${pipelines[@]}"; do
    IFS='|' read -r name media kernel parameters caps <<< "$item"
    stop=$(stop_reason)
    if [ -n "$stop" ]; then
      case_not_run "$name"
      tail=()
      problem "$name" "not run: $stop"
      continue
    fi
    ok=yes
    for to in cpu "$backend"; do
      source=(filesrc "location=$here/tests/data/$media")
      case $media in
        *.bin) source+=(blocksize=4096 '!' "$caps") ;;
        *) source+=('!' decodebin '!' videoconvert '!' "$caps") ;;
      esac
      run_plain "$name" gst-launch-1.0 -q --no-fault "${source[@]}" '!' \
          ringkernelfilter "backend=$to" "kernel=$kernel" ${parameters:+"params=$parameters"} '!' \
          filesink "location=$work/$to.raw" || { ok=no; break; }
      mv "$work/$to.raw" "$work/pipeline-$([ "$to" = cpu ] && [ ! -e "$work/pipeline-a" ] && echo a || echo b)"
    done
    tail=()
    if [ $ok = no ]; then
      :
    elif [ ! -s "$work/pipeline-a" ]; then
      case_failed "$name" 'nothing came out'
    elif ! cmp "$work/pipeline-a" "$work/pipeline-b" > "$work/cmp" 2>&1; then
      mapfile -t tail < "$work/cmp"
      case_failed "$name" "$backend and cpu differ"
    else
      case_passed "$name"
    fi
    rm -f "$work"/pipeline-? "$work"/*.raw
  done
}

# ---- go

declare -A facts=([backend]=$backend [seconds]=0)
while IFS='=' read -r key value; do
  facts[$key]=$value
done < "$here/origin"
facts[date]=$(date -u +%Y-%m-%dT%H:%M:%SZ)
facts[machine]="$(uname -sr), $(nproc) processors"
if [ "$backend" = cuda ]; then
  if [ -n "$driver" ]; then
    facts[driver]="the one in $driver"
  elif [ -r /sys/module/nvidia/version ]; then
    facts[driver]=$(cat /sys/module/nvidia/version)
  elif command -v nvidia-smi > /dev/null; then
    facts[driver]=$(timeout 20 nvidia-smi --query-gpu=driver_version --format=csv,noheader 2> /dev/null | head -n 1)
  fi
fi

tail=() status=0 hung=no slow=no log=/dev/null label='the start' program='' mode=''
current_patience=60
probe
if [ $probed = 77 ]; then
  say "gpu-check: no GPU to check: ${found[absent]:-no reason given}"
  exit 77
fi
for key in device cuda decoder event-driven persistent; do
  facts[$key]=${found[$key]:-}
done
if [ "${found[decoder]:-}" = absent ] && [ -d "$here/no-decoder" ]; then
  # Without one, GStreamer registers no cudaupload and cudadownload either.
  export RING_BUNDLE_DRIVER=$driver:$here/no-decoder
  RING_BUNDLE_DRIVER=${RING_BUNDLE_DRIVER#:}
  facts[decoder]='not in this driver; one that declines stands in, for cudaupload'
fi
say "gpu-check: $backend on ${facts[device]:-an unknown device}${facts[driver]:+, driver ${facts[driver]}}"
begin runtime/probe ''
if [ $probed = 0 ]; then
  case_passed 'a message through copy, in both modes'
else
  case_failed 'a message through copy, in both modes' "${found[error]:-$(ended $probed)}"
fi
facts[seconds]=$((SECONDS - began))
end

# wanted PROGRAM
wanted ()
{
  local pattern

  [ ${#only[@]} -gt 0 ] || return 0
  for pattern in "${only[@]}"; do
    # shellcheck disable=SC2053 # a pattern it is meant to be
    if [[ $1 == $pattern || ${1#*/} == $pattern || ${1%%/*} == $pattern ]]; then
      return 0
    fi
  done
  return 1
}

# Each mode of its own on a GPU; a CPU's modes, with inline, are all in one run.
modes=('')
[ "$backend" = cpu ] || modes=(persistent event-driven)
matched=0

# try PROGRAM MODE RUNNER [ARGUMENT …]
try ()
{
  local name=$1 stop

  wanted "$name" || return 0
  matched=$((matched + 1))
  begin "$name" "$2"
  stop=$(stop_reason)
  tail=()
  if [ -n "$stop" ]; then
    case_not_run '(all)'
    problem '(all)' "not run: $stop"
    note_not_run "$stop"
  else
    "${@:3}"
  fi
  facts[seconds]=$((SECONDS - began))
  end
}

# programs SUITE
programs ()
{
  find "$here/tests/$1" -maxdepth 1 -type f -perm -u+x ! -name '*.so' | sort
}

# try_suite MODE SUITE GREP …: those of its programs that grep lets through.
try_suite ()
{
  local mode=$1 file name

  for file in $(programs "$2" | grep "${@:3}"); do
    name=${file##*/}
    export RING_TEST_MODE=$mode
    [ -n "$mode" ] || unset RING_TEST_MODE
    RING_TEST_KEEP_CONTEXT=1 try "$2/${name#"$2"-}" "$mode" run_glib "$file"
    unset RING_TEST_MODE
  done
}

# stage NAME SHARE: what follows may take that share of the budget, and what those before
# it have left over. So whatever hangs, what comes later has its share.
shares=0
stage ()
{
  stage=$1
  shares=$((shares + $2))
  stage_end=$((budget * shares / 460))
}

# What matters most comes first: does the mode that this is all about work, are the
# results right, does it get along with others, and how fast is it. Then the same in the
# other mode, the element, and what takes as long as it is given. Shares are of 460 and
# make 460; over the stand-in driver all of it takes a minute or two.
list_benchmarks
stage "runtime, ${modes[0]}" 70
try_suite "${modes[0]}" runtime -v 'stress$'
stage "kernels, ${modes[0]}" 50
try_suite "${modes[0]}" kernels .
stage neighbours 40
for file in $(programs neighbours); do
  name=${file##*/}
  if [ "$backend" = cuda ]; then
    try "neighbours/${name#neighbours-}" '' run_glib "$file"
  else
    try "neighbours/${name#neighbours-}" '' skip_all "it is about a GPU, and --backend is $backend"
  fi
done
stage benchmarks 160
run_benchmarks
stage 'runtime and kernels in the other mode' 55
if [ ${#modes[@]} -gt 1 ]; then
  try_suite "${modes[1]}" runtime -v 'stress$'
  try_suite "${modes[1]}" kernels .
fi
stage gst 30
for file in $(programs gst); do
  name=${file##*/}
  try "gst/${name#gst-}" '' run_check "$file"
done
stage pipelines 10
try pipelines/real-media '' run_pipelines
stage sanitizer 30
run_sanitizer
stage stress 15
for mode in "${modes[@]}"; do
  try_suite "$mode" runtime 'stress$'
done
[ $matched -gt 0 ] || die "no program is called '${only[*]}'"
if [ $report_broken = yes ]; then
  mapfile -t tail < "$report/errors"
  begin benchmarks/report ''
  fail_all 'benchmarks.json and benchmarks.txt could not be written'
  end
fi

write_summary
say "gpu-check: the summary is $out/summary.txt"
total_not_passed=$((total_failed + total_timed_out + total_not_run))
say "$total_passed passed, $total_not_passed failed, $total_skipped skipped"
[ $total_not_passed = 0 ]
