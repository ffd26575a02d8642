# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-benchmarks.sh: a part of gpu-check: runs what measures, and writes
# benchmarks.json and benchmarks.txt.
#
# gpu-bench is one program of several parts: `gpu-bench --list` names them, `gpu-bench
# PART [--quick] --json FILE` runs one. It ends with 0 if all was measured and verified,
# whatever became of the goals, 1 if not, 77 without a GPU.
# shellcheck shell=bash disable=SC2154,SC2034 # what the other parts define or use

bench=$here/tests/benchmarks/gpu-bench
bench_parts=()
report=$work/report
report_broken=no
mkdir "$report"

list_part ()
{
  [[ ! $1 =~ ^[a-z0-9][a-z0-9_-]*$ ]] || bench_parts+=("$1")
}

# Sets `bench_parts`.
list_benchmarks ()
{
  [ -x "$bench" ] || return 0
  current_patience=$patience at_most=$patience run list_part "$bench" --list
  [ $status = 0 ] || bench_parts=()
}

# What one of N that are left may take, in seconds. Three times its part of the time, as
# others may need less; one that hangs still leaves time to them.
share_of_time ()
{
  local share=$((3 * $(left) / $1))

  [ $share -ge 30 ] || share=30
  [ $share -le 120 ] || share=120
  echo $share
}

# note_figure LINE: "# figure: NAME = VALUE UNIT", said by a test.
note_figure ()
{
  if [[ $1 =~ ^#\ figure:\ ([^ ]+)\ =\ (-?[0-9.]+)\ (.+)$ ]]; then
    printf '%s\t%s\t%s\t%s\n' "$program" "${BASH_REMATCH[@]:1:3}" >> "$report/figures"
  fi
}

# note_part PART OUTCOME REASON
note_part ()
{
  local reason=${3//$'\t'/ }

  printf '%s\t%s\t%s\n' "$1" "$2" "${reason//$'\n'/ }" >> "$report/parts"
}

# run_part PART LEFT: LEFT parts are to come, this one included.
run_part ()
{
  local part=$1 case='all of it' ended_with key value file=$report/$1.json
  local -a quick=()
  local -A said=([status]=1)

  # It only has to be seen that each works there.
  if [ "$driver" = "$here/stand-in" ]; then
    quick=(--quick)
    case=--quick
  fi
  # It may measure for long and say nothing.
  current_patience=$((3 * patience)) at_most=$(share_of_time "$2") \
      run plain_line "$bench" "$part" "${quick[@]}" --json "$file"
  if [ $hung = yes ]; then
    hangs=$((hangs + 1))
    value=$(current_patience=$((3 * patience)) hang_text)
    note_part "$part" 'timed out' "$value"
    case_timed_out "$case" "$value"
    check_device
    return
  fi
  ended_with=$status
  while IFS='=' read -r key value; do
    said[$key]=$value
  done < <(timeout 20 "$here/run" gpu-report check "$file" "$part" $ended_with; echo "status=$?")
  if [ $ended_with -gt 128 ] || [ "${said[status]}" != 0 ]; then
    [ $ended_with -le 128 ] || said[reason]=$(ended $ended_with)
    said[outcome]=failed
  elif [ $ended_with = 0 ]; then
    said[outcome]=ok
  elif [ $ended_with = 77 ]; then
    said[outcome]=skipped
  else
    said[outcome]=failed
    said[reason]=${said[reason]:-$(ended $ended_with)}
  fi
  note_part "$part" "${said[outcome]}" "${said[reason]:-}"
  case ${said[outcome]} in
    ok) case_passed "$case" ;;
    skipped) case_skipped "$case" "${said[reason]:-}" ;;
    *)
      case_failed "$case" "${said[reason]:-gpu-report does not work}"
      check_device
      ;;
  esac
  if [ $((${said[met]:-0} + ${said[missed]:-0})) -gt 0 ]; then
    own_notes+=("goals: ${said[met]} met, ${said[missed]} missed")
  fi
}

# With all that is known so far, so that it is there if this machine goes down.
write_report ()
{
  local key

  [ -e "$report/parts" ] || [ -e "$report/figures" ] || return 0
  for key in "${fact_names[@]}"; do
    printf '%s=%s\n' "$key" "${facts[$key]:-}"
  done > "$report/facts"
  if [ "$driver" = "$here/stand-in" ]; then
    echo 'note=a stand-in driver on the CPU: these figures say nothing of any GPU' >> "$report/facts"
  fi
  timeout 20 "$here/run" gpu-report merge "$report" "$out" 2> "$report/errors" || report_broken=yes
}

# That of another sort: about what happens inside the call, which is on a CPU alone.
run_overhead ()
{
  ! RINGKERNEL_BACKEND=cpu run_plain '--quick' "$1" --quick || case_passed '--quick'
}

run_benchmarks ()
{
  local file i n=${#bench_parts[@]}

  if [ $n = 0 ] && [ -x "$bench" ]; then
    try benchmarks/gpu '' fail_all 'gpu-bench names no parts'
  fi
  for ((i = 0; i < n; i++)); do
    if [ "$backend" != cuda ]; then
      try "benchmarks/${bench_parts[i]}" '' skip_all "it is about a GPU, and --backend is $backend"
    else
      try "benchmarks/${bench_parts[i]}" '' run_part "${bench_parts[i]}" $((n - i))
    fi
  done
  for file in $(programs benchmarks); do
    [ "$file" = "$bench" ] || try "benchmarks/${file##*/}" '' run_overhead "$file"
  done
}

# What stands in benchmarks.json of a part that was not run.
note_not_run ()
{
  local part

  for part in "${bench_parts[@]}"; do
    [ "$program" != "benchmarks/$part" ] || note_part "$part" 'not run' "$1"
  done
}
