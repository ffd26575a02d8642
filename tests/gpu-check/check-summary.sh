# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-summary.sh: a part of gpu-check: keeps what came of each case, and writes
# summary.txt and summary.json.
# shellcheck shell=bash disable=SC2154,SC2034 # what the other parts define or use

# ---- what came of it

rows=()     # one JSON object for each program and mode
problems=() # "PROGRAM (MODE) CASE: OUTCOME", and behind a newline its last lines
skips=()    # "PROGRAM (MODE) CASE: REASON"
table=()
total_passed=0 total_failed=0 total_skipped=0 total_timed_out=0 total_not_run=0
hangs=0 stuck=no lost=no logged=0 device_notes=()
declare -A outcome
fact_names=(backend device driver cuda decoder event-driven persistent machine date commit made gstreamer)

# One log for several suites, so that not many files come of it.
log_of ()
{
  case $1 in
    neighbours) echo runtime ;;
    sanitizer) echo kernels ;;
    pipelines) echo gst ;;
    *) echo "$1" ;;
  esac
}

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
  passed=0 failed=0 skipped=0 timed_out=0 not_run=0 own_problems=() own_notes=()
  outcome=() logged=0
  log=$out/logs/$(log_of "${1%%/*}").log
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
  lines=$(printf '%.1000s\n' "${tail[@]}")
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
  for item in "${own_notes[@]}"; do
    say "    $item"
  done
  total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
  total_skipped=$((total_skipped + skipped)) total_timed_out=$((total_timed_out + timed_out))
  total_not_run=$((total_not_run + not_run))
  write_summary
  case $program in
    neighbours/* | benchmarks/*) write_report ;;
  esac
}

# ---- the summary

write_summary ()
{
  local item result

  result=$([ $((total_failed + total_timed_out + total_not_run)) = 0 ] && echo passed || echo failed)
  {
    say "gpu-check: $result: $total_passed passed, $total_failed failed, $total_skipped skipped, $total_timed_out timed out, $total_not_run not run"
    say
    for item in "${fact_names[@]}" seconds; do
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
    for item in "${fact_names[@]}"; do
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
