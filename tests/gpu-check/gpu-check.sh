#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# gpu-check: in a bundle, runs all its tests on the GPU of this machine.
#
# Each program runs under its own time-out. If it fails or hangs, the case is noted
# and the rest of the program still runs, so that one hang costs seconds. OUT gets
# summary.txt, summary.json and a log of each suite: not more than 8 files.
set -uo pipefail

usage ()
{
  cat <<'END'
usage: gpu-check OUT [OPTION …]

  OUT                  folder for summary.txt, summary.json and logs/

  --only NAME          only the programs of that name: runtime/life, life, gst/*;
                       may be given several times
  --backend cpu|cuda   where kernels run; default cuda
  --timeout S          how long a test may say nothing; default 20
  --budget S           how long everything may take; default 460
  --driver DIR         where to look for libcuda.so.1 first; `--driver stand-in` is
                       the driver of the project's own tests, without a GPU

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
rm -f "$out/summary.txt" "$out/summary.json" "$out/logs"/{runtime,kernels,gst,pipelines,benchmarks}.log

work=$(mktemp -d) || die "no temporary folder"
trap 'rm -rf "$work"' EXIT
mkfifo "$work/lines"
mkdir "$work/tmp"

say ()
{
  printf '%s\n' "$*"
}

# ---- how programs are run

kernels=$here/tests/runtime/kernels
export RING_BUNDLE_WORK=$work RING_BUNDLE_DRIVER=$driver TMPDIR=$work/tmp
export RING_TEST_BACKEND=$backend RINGKERNEL_BACKEND=$backend
export G_TEST_SRCDIR=$here/tests/runtime G_TEST_BUILDDIR=$here/tests/runtime
export RINGKERNEL_TEST_SOURCE_ROOT=$here RINGKERNEL_BUILD=$here
export CK_TAP_LOG_FILE_NAME=- CK_DEFAULT_TIMEOUT=$patience G_DEBUG='' G_MESSAGES_DEBUG=''
unset RING_TEST_MODE
if [ "$driver" = "$here/stand-in" ]; then
  # The stand-in runs threads, and reads no more of an image than whose it is.
  mkdir "$work/kernels"
  for file in "$kernels"/*.so; do
    name=${file##*/}
    cp "$file" "$work/kernels/$name"
    cp "$file" "$work/kernels/${name%.so}.fatbin"
  done
  kernels=$work/kernels
fi
export RING_TEST_KERNEL_DIR=$kernels

began=$SECONDS
left ()
{
  echo $((budget - SECONDS + began))
}

# Ends all processes of a session: a test may have started others, in process groups
# of their own.
end_session ()
{
  local session=$1 process stat fields

  for process in /proc/[0-9]*; do
    { read -r stat < "$process/stat"; } 2> /dev/null || continue
    read -ra fields <<< "${stat##*) }"
    [ "${fields[3]:-}" != "$session" ] || kill -KILL "${process#/proc/}" 2> /dev/null
  done
}

# run HANDLER COMMAND …: the handler gets each line. Sets `status`, `hung` (no line came in
# time, or the handler had `enough`), `stuck` (it cannot be killed); the last lines
# are in `tail`.
run ()
{
  local handler=$1 session line rest
  shift

  status=0 hung=no enough=no tail=()
  rest=$(left)
  [ "$rest" -ge 1 ] || rest=1
  export RING_TEST_LIMIT=$((rest + 10))
  setsid timeout -k 2 "$rest" "$here/run" "$@" > "$work/lines" 2>&1 < /dev/null &
  session=$!
  exec 3< "$work/lines"
  while :; do
    line=''
    if IFS= read -r -t "$current_patience" line <&3; then
      heard "$line" "$handler"
      [ $enough = yes ] || continue
      hung=yes
    elif [ $? -gt 128 ]; then
      hung=yes
    fi
    [ -z "$line" ] || [ $enough = yes ] || heard "$line" "$handler"
    break
  done
  if [ $hung = yes ]; then
    # Tells what is going on, where the machine allows it.
    note_threads "$session"
    end_session "$session"
    # What is stuck in the driver keeps the pipe open.
    while IFS= read -r -t 10 line <&3; do
      printf '%s\n' "$line" >> "$log"
    done
    [ $? -le 128 ] || stuck=yes
  fi
  exec 3<&-
  if [ $stuck = yes ]; then
    status=137
    return
  fi
  wait "$session" 2> /dev/null # which says "Aborted" and the like
  status=$?
  [ $status != 124 ] || hung=yes
  end_session "$session"
}

heard ()
{
  if [ "$logged" -lt 4000 ]; then
    printf '%.2000s\n' "$1" >> "$log"
    logged=$((logged + 1))
  elif [ "$logged" = 4000 ]; then
    printf '[… more lines of this program are left out]\n' >> "$log"
    logged=4001
  fi
  "$2" "$1"
}

note_threads ()
{
  local process stat fields task

  {
    echo "[gpu-check: nothing was heard for $current_patience s; its threads:"
    for process in /proc/[0-9]*; do
      { read -r stat < "$process/stat"; } 2> /dev/null || continue
      read -ra fields <<< "${stat##*) }"
      [ "${fields[3]:-}" = "$1" ] || continue
      for task in "$process"/task/*; do
        echo "  ${task##*/} $(cat "$task/comm" 2> /dev/null):" \
            "$(cut -d ' ' -f 3 < "$task/stat" 2> /dev/null)" \
            "$(cat "$task/wchan" 2> /dev/null)"
      done
    done
    echo ']'
  } >> "$log" 2> /dev/null
}

# ---- what came of it

rows=()     # one JSON object for each program and mode
problems=() # "PROGRAM (MODE) CASE: OUTCOME", and behind a newline its last lines
skips=()    # "PROGRAM (MODE) CASE: REASON"
table=()
total_passed=0 total_failed=0 total_skipped=0 total_timed_out=0 total_not_run=0
hangs=0 stuck=no lost=no enough=no current_limit=$patience logged=0 device_notes=()
declare -A outcome

json ()
{
  local text=$1

  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\t'/ }
  text=${text//$'\n'/\\n}
  # The rest of what is no plain text says nothing to a reader.
  printf '"%s"' "${text//[^ -~]/?}"
}

# begin PROGRAM MODE
begin ()
{
  program=$1 mode=$2 started=$SECONDS
  passed=0 failed=0 skipped=0 timed_out=0 not_run=0 own_problems=()
  outcome=() logged=0
  log=$out/logs/${1%%/*}.log
  label="$program${mode:+ ($mode)}"
  printf '== %s\n' "$label" >> "$log"
  printf '%-44s' "$label"
}

# keep_tail N: no more than the last N lines.
keep_tail ()
{
  [ ${#tail[@]} -le "$1" ] || tail=("${tail[@]: -$1}")
}

problem ()
{
  local case=$1 what=$2
  local lines

  keep_tail 15
  lines=$(printf '%s\n' "${tail[@]}")
  problems+=("$label $case: $what"$'\n'"$lines")
  own_problems+=("{\"case\": $(json "$case"), \"outcome\": $(json "$what"), \"last_lines\": $(json "$lines")}")
}

case_passed () { outcome[$1]=passed; passed=$((passed + 1)); }
case_failed () { outcome[$1]=failed; failed=$((failed + 1)); problem "$1" "${2:-failed}"; }
case_timed_out () { outcome[$1]='timed out'; timed_out=$((timed_out + 1)); problem "$1" "$2"; }
case_not_run () { outcome[$1]='not run'; not_run=$((not_run + 1)); }
case_skipped ()
{
  outcome[$1]=skipped
  skipped=$((skipped + 1))
  skips+=("$label $1: ${2:-no reason given}")
}

end ()
{
  local list='' text seconds=$((SECONDS - started)) item

  for item in "${own_problems[@]}"; do
    list="$list${list:+, }$item"
  done
  rows+=("{\"program\": $(json "$program"), \"mode\": $(json "$mode"), \"passed\": $passed, \"failed\": $failed, \"skipped\": $skipped, \"timed_out\": $timed_out, \"not_run\": $not_run, \"seconds\": $seconds, \"problems\": [$list]}")
  text=$(printf '%4d passed %3d failed %3d skipped %3d timed out %3d not run %4d s' \
      $passed $failed $skipped $timed_out $not_run $seconds)
  table+=("$(printf '%-44s%s' "$label" "$text")")
  say "$text"
  for item in "${problems[@]: -${#own_problems[@]}}"; do
    [ ${#own_problems[@]} = 0 ] || say "    ${item%%$'\n'*}"
  done
  total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
  total_skipped=$((total_skipped + skipped)) total_timed_out=$((total_timed_out + timed_out))
  total_not_run=$((total_not_run + not_run))
  write_summary
}

# Why nothing more should be run; empty: go on.
stop_reason ()
{
  if [ $stuck = yes ]; then
    echo 'a process could not be killed'
  elif [ $lost = yes ]; then
    echo 'the device no longer works'
  elif [ "$(left)" -lt 5 ]; then
    echo "the $budget s are over"
  fi
}

# After a hang or a crash: does the device still answer?
check_device ()
{
  local note

  [ "$backend" = cuda ] && [ $stuck = no ] || return 0
  probe
  if [ $probed = 0 ]; then
    note="after $label: the device works"
  else
    note="after $label: the device does not work: ${found[error]:-${found[absent]:-probe ended with status $probed}}"
    lost=yes
  fi
  device_notes+=("$note")
  printf '[gpu-check: %s]\n' "$note" >> "$log"
}

# Sets `probed` to its status and fills `found`.
declare -A found
probe ()
{
  local kept=("${tail[@]}") kept_status=$status kept_hung=$hung

  found=()
  current_patience=60 run probe_line gpu-probe "$backend"
  probed=$status
  [ $hung = no ] || found[error]="nothing was heard for 60 s"
  tail=("${kept[@]}") status=$kept_status hung=$kept_hung
}

probe_line ()
{
  case $1 in
    *=*) found[${1%%=*}]=${1#*=} ;;
  esac
}

# A backend that is badly broken hangs everywhere; then waiting long is no use, nor
# is trying all cases of a program.
most_hangs=3
choose_patience ()
{
  current_patience=$patience
  if [ $hangs -ge 4 ] && [ "$patience" -gt 6 ]; then
    current_patience=6
  fi
}

# ---- programs of GLib's test framework

glib_line ()
{
  local line=$1 rest name reason

  line=${line#"${line%%[! ]*}"}
  case $line in
    'ok '[0-9]* | 'not ok '[0-9]*)
      rest=${line#*ok }
      rest=${rest#* }
      rest=${rest#- }
      name=${rest%%[ #]*}
      [ "${name:0:1}" = / ] || return 0
      reason=${rest#*# SKIP}
      [ "$reason" != "$rest" ] || reason=${rest#*# skip}
      if [ "${line:0:3}" = not ]; then
        case_failed "$name"
      elif [ "$reason" != "$rest" ]; then
        case_skipped "$name" "${reason# }"
      else
        case_passed "$name"
      fi
      tail=()
      ;;
    *) tail+=("$1") ;;
  esac
  [ ${#tail[@]} -lt 60 ] || keep_tail 15
}

list_line ()
{
  [ "${1:0:1}" != / ] || cases+=("$1")
}

run_glib ()
{
  local file=$1 case stop broke round=0 before
  local -a cases=() todo=() arguments=()

  choose_patience
  run list_line "$file" -l
  if [ $status != 0 ] || [ ${#cases[@]} = 0 ]; then
    if [ $status = 0 ]; then
      case_skipped '(all)' "no case for $backend${mode:+, $mode}"
    else
      case_failed '(list of cases)' "ended with status $status"
    fi
    return
  fi
  todo=("${cases[@]}")
  while [ ${#todo[@]} -gt 0 ]; do
    stop=$(stop_reason)
    [ $timed_out -lt $most_hangs ] || stop="$timed_out cases hung"
    if [ -n "$stop" ]; then
      for case in "${todo[@]}"; do
        case_not_run "$case"
      done
      tail=()
      problem "(${#todo[@]} cases)" "not run: $stop"
      return
    fi
    # Everything at once, and what is left after a failure once more without it.
    arguments=()
    if [ $round -gt 0 ]; then
      for case in "${todo[@]}"; do
        arguments+=(-p "$case")
      done
    fi
    round=$((round + 1))
    choose_patience
    before=${#todo[@]}
    run glib_line "$file" "${arguments[@]}"
    broke=''
    cases=()
    for case in "${todo[@]}"; do
      [ -z "${outcome[$case]:-}" ] || continue
      if [ -z "$broke" ]; then
        broke=$case
      else
        cases+=("$case")
      fi
    done
    todo=("${cases[@]}")
    if [ -n "$broke" ]; then
      if [ $hung = yes ]; then
        hangs=$((hangs + 1))
        case_timed_out "$broke" "timed out, nothing heard for $current_patience s"
      elif [ $status = 0 ]; then
        case_failed "$broke" 'was not run, though the program ended well'
      else
        case_failed "$broke" "$(ended $status)"
      fi
      check_device
    elif [ $hung = yes ]; then
      hangs=$((hangs + 1))
      case_timed_out '(end of the program)' "timed out, nothing heard for $current_patience s"
      check_device
    elif [ $status != 0 ] && [ $((failed + timed_out)) = 0 ]; then
      case_failed '(end of the program)' "$(ended $status)"
      check_device
    fi
    [ ${#todo[@]} -lt "$before" ] || break
  done
}

# What a status says.
ended ()
{
  if [ "$1" -gt 128 ] && [ "$1" -le 192 ]; then
    echo "ended by signal $(($1 - 128)) ($(kill -l "$1" 2> /dev/null))"
  else
    echo "ended with status $1"
  fi
}

# ---- programs of GStreamer's check library

check_line ()
{
  local line=$1 name message at

  case $line in
    'ok '[0-9]* | 'not ok '[0-9]*)
      # ok 3 - FILE:CASE:TEST: MESSAGE
      name=${line#* - }
      message=${name#*: }
      name=${name%%: *}
      at=${name%:*}
      name=${at##*:}/${name##*:}
      # Loop tests report each of their rounds under the same name.
      at=1
      while [ -n "${outcome[$name#$at]:-}" ]; do
        at=$((at + 1))
      done
      name="$name#$at"
      case $line in
        not*'imeout expired'*)
          tail+=("$message")
          hangs=$((hangs + 1))
          case_timed_out "$name" "timed out after $current_limit s"
          [ $timed_out -lt $most_hangs ] || enough=yes
          ;;
        not*) tail+=("$message"); case_failed "$name" ;;
        *) case_passed "$name" ;;
      esac
      tail=()
      ;;
    'Running suite'* | [0-9]*'%: Checks'* | 1..[0-9]*) ;;
    *) tail+=("$1") ;;
  esac
  [ ${#tail[@]} -lt 60 ] || keep_tail 15
}

# First all in one process, which is quick; if that does not go well, each case in a
# process of its own, and what those say counts.
run_check ()
{
  local file=$1 stop first before=${#problems[@]}

  choose_patience
  CK_FORK=no run check_line "$file"
  [ $status != 0 ] || [ $hung = yes ] || return 0
  if [ $hung = yes ]; then
    hangs=$((hangs + 1))
    first="nothing heard for $current_patience s"
  else
    first=$(ended $status)
  fi
  check_device
  stop=$(stop_reason)
  if [ -n "$stop" ]; then
    case_failed '(all in one process)' "$first; not tried one by one: $stop"
    return
  fi
  printf '== %s: %s; each case in a process of its own:\n' "$label" "$first" >> "$log"
  problems=("${problems[@]:0:before}")
  passed=0 failed=0 skipped=0 timed_out=0 own_problems=() outcome=()
  choose_patience
  # The library ends a case that hangs, so that the program itself is never silent for long.
  current_limit=$current_patience
  current_patience=$((current_limit + 10)) CK_FORK=yes CK_DEFAULT_TIMEOUT=$current_limit \
      run check_line "$file"
  if [ $enough = yes ]; then
    case_not_run '(the rest)'
    tail=()
    problem '(the rest)' "not run: $timed_out cases hung"
    check_device
  elif [ $hung = yes ]; then
    hangs=$((hangs + 1))
    case_timed_out '(the rest)' "timed out, nothing heard for $((current_limit + 10)) s"
    check_device
  elif [ $((failed + timed_out)) -gt 0 ]; then
    check_device
  elif [ $status != 0 ]; then
    case_failed '(end of the program)' "$(ended $status)"
    check_device
  else
    case_failed '(all in one process)' "$first; one by one they pass"
  fi
}

# ---- plain programs

plain_line ()
{
  tail+=("$1")
  [ ${#tail[@]} -lt 60 ] || keep_tail 15
}

# run_plain CASE COMMAND …
run_plain ()
{
  local case=$1
  shift

  choose_patience
  run plain_line "$@"
  if [ $hung = yes ]; then
    hangs=$((hangs + 1))
    case_timed_out "$case" "timed out, nothing heard for $current_patience s"
    check_device
    return 1
  elif [ $status != 0 ]; then
    case_failed "$case" "$(ended $status)"
    check_device
    return 1
  fi
}

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

# ---- the summary

write_summary ()
{
  local item result

  result=$([ $((total_failed + total_timed_out + total_not_run)) = 0 ] && echo passed || echo failed)
  {
    say "gpu-check: $result: $total_passed passed, $total_failed failed, $total_skipped skipped, $total_timed_out timed out, $total_not_run not run"
    say
    for item in backend device driver cuda event-driven persistent machine date seconds commit made gstreamer; do
      say "$(printf '%-14s%s' "$item" "${facts[$item]:-}")"
    done
    say
    printf '%s\n' "${table[@]}"
    if [ ${#device_notes[@]} -gt 0 ]; then
      say
      printf '%s\n' "${device_notes[@]}"
    fi
    if [ ${#problems[@]} -gt 0 ]; then
      say
      say 'Not passed:'
      for item in "${problems[@]}"; do
        say
        say "  ${item%%$'\n'*}"
        sed 's/^/    | /' <<< "${item#*$'\n'}"
      done
    fi
    if [ ${#skips[@]} -gt 0 ]; then
      say
      say 'Skipped:'
      printf '  %s\n' "${skips[@]}"
    fi
  } > "$out/summary.txt"
  {
    say '{'
    say "  \"result\": \"$result\","
    for item in backend device driver cuda event-driven persistent machine date commit made gstreamer; do
      say "  \"$item\": $(json "${facts[$item]:-}"),"
    done
    say "  \"seconds\": ${facts[seconds]},"
    say "  \"passed\": $total_passed, \"failed\": $total_failed, \"skipped\": $total_skipped,"
    say "  \"timed_out\": $total_timed_out, \"not_run\": $total_not_run,"
    say '  "device_checks": ['
    separated device_notes json
    say '  ],'
    say '  "skips": ['
    separated skips json
    say '  ],'
    say '  "programs": ['
    separated rows printf
    say '  ]'
    say '}'
  } > "$out/summary.json"
}

# separated ARRAY PRINTER: its items, with commas between.
separated ()
{
  local -n items=$1
  local i

  for ((i = 0; i < ${#items[@]}; i++)); do
    printf '    '
    if [ "$2" = json ]; then json "${items[i]}"; else printf '%s' "${items[i]}"; fi
    [ $i = $((${#items[@]} - 1)) ] || printf ','
    printf '\n'
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

tail=() status=0 hung=no log=/dev/null label='the start' program='' mode=''
current_patience=60
probe
if [ $probed = 77 ]; then
  say "gpu-check: no GPU to check: ${found[absent]:-no reason given}"
  exit 77
fi
for key in device cuda event-driven persistent; do
  facts[$key]=${found[$key]:-}
done
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
    if [[ $1 == $pattern || ${1#*/} == $pattern ]]; then
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

# try_suite SUITE GREP …: those of its programs that grep lets through, in each mode.
try_suite ()
{
  local file name

  for mode in "${modes[@]}"; do
    for file in $(programs "$1" | grep "${@:2}"); do
      name=${file##*/}
      export RING_TEST_MODE=$mode
      [ -n "$mode" ] || unset RING_TEST_MODE
      try "$1/${name#"$1"-}" "$mode" run_glib "$file"
      unset RING_TEST_MODE
    done
  done
}

benchmark ()
{
  ! run_plain '--quick' "$1" --quick || case_passed '--quick'
}

# What needs longest comes last.
try_suite runtime -v 'stress$'
for file in $(programs gst); do
  name=${file##*/}
  try "gst/${name#gst-}" '' run_check "$file"
done
try pipelines/real-media '' run_pipelines
try_suite kernels .
for file in $(programs benchmarks); do
  try "benchmarks/${file##*/}" '' benchmark "$file"
done
try_suite runtime 'stress$'
[ $matched -gt 0 ] || die "no program is called '${only[*]}'"

write_summary
head -n 1 "$out/summary.txt"
say "gpu-check: the summary is $out/summary.txt"
[ $((total_failed + total_timed_out + total_not_run)) = 0 ]
