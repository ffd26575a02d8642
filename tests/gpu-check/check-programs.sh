# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-programs.sh: a part of gpu-check: runs one program and says to check-summary.sh
# what became of each of its cases.
# shellcheck shell=bash disable=SC2154,SC2034 # what the other parts define or use

# ---- one process, watched

# How many seconds are left for the stage that is going on.
began=$SECONDS stage_end=$budget
left ()
{
  echo $(((stage_end < budget ? stage_end : budget) - SECONDS + began))
}

# Ends all processes of a session but its first, which ends with them: a test may have
# started others, in process groups of their own.
end_session ()
{
  local session=$1 process stat fields

  for process in /proc/[0-9]*; do
    { read -r stat < "$process/stat"; } 2> /dev/null || continue
    read -ra fields <<< "${stat##*) }"
    [ "${fields[3]:-}" != "$session" ] || [ "${process#/proc/}" = "$session" ] \
        || kill -KILL "${process#/proc/}" 2> /dev/null
  done
}

# run HANDLER COMMAND …: the handler gets each line. The program may take `at_most` seconds,
# if that is set, and as long as its stage. Sets `status`, `hung` (no line came in time, or
# it took too long), `slow` (the latter), `stuck` (it cannot be killed); the last lines are
# in `tail`.
at_most=''
run ()
{
  local handler=$1 session line rest started=$SECONDS
  shift

  status=0 hung=no slow=no tail=()
  rest=$(left)
  [ -z "$at_most" ] || [ "$at_most" -ge "$rest" ] || rest=$at_most
  [ "$rest" -ge 1 ] || rest=1
  may_take=$rest
  export RING_TEST_LIMIT=$((rest + 10))
  # The shell between them makes a status of the signal that a program died of; this
  # one would speak of it in the middle of the table.
  setsid bash -c 'timeout -k 2 "$@" 2>&1; exit' "$0" "$rest" "$here/run" "$@" \
      > "$work/lines" 2> /dev/null < /dev/null &
  session=$!
  exec 3< "$work/lines"
  while :; do
    line=''
    if IFS= read -r -t "$current_patience" line <&3; then
      heard "$line" "$handler"
      continue
    elif [ $? -gt 128 ]; then
      hung=yes
    fi
    [ -z "$line" ] || heard "$line" "$handler"
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
  wait "$session"
  status=$?
  if [ $status = 124 ] || { [ $status = 137 ] && [ $((SECONDS - started)) -ge "$rest" ]; }; then
    hung=yes slow=yes
  fi
  end_session "$session"
}

# What there is to say of the program that hung.
hang_text ()
{
  if [ $slow = yes ]; then
    echo "timed out, it took longer than $may_take s"
  else
    echo "timed out, nothing heard for $current_patience s"
  fi
}

heard ()
{
  if [ "$logged" -lt 2000 ]; then
    printf '%.1000s\n' "$1" >> "$log"
    logged=$((logged + 1))
  elif [ "$logged" = 2000 ]; then
    printf '[… more lines of this program are left out]\n' >> "$log"
    logged=2001
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

# ---- the device

# Why nothing more should be run; empty: go on.
stop_reason ()
{
  if [ $stuck = yes ]; then
    echo 'a process could not be killed'
  elif [ $lost = yes ]; then
    echo 'the device no longer works'
  elif [ $((budget - SECONDS + began)) -lt 5 ]; then
    echo "the $budget s are over"
  elif [ "$(left)" -lt 5 ]; then
    echo "the time for $stage is over, $stage_end s after the begin"
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
  local kept=("${tail[@]}") kept_status=$status kept_hung=$hung kept_slow=$slow
  # Even when the time is over: what is said of a device must be true.
  local budget=$((budget + 60))
  local stage_end=$budget

  found=()
  current_patience=60 at_most='' run probe_line gpu-probe "$backend"
  probed=$status
  [ $hung = no ] || found[error]="nothing was heard for 60 s"
  tail=("${kept[@]}") status=$kept_status hung=$kept_hung slow=$kept_slow
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
    '# figure: '*) note_figure "$line" ;;
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
    arguments=(-k)
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
        case_timed_out "$broke" "$(hang_text)"
      elif [ $status = 0 ]; then
        case_failed "$broke" 'was not run, though the program ended well'
      else
        case_failed "$broke" "$(ended $status)"
      fi
      check_device
    elif [ $hung = yes ]; then
      hangs=$((hangs + 1))
      case_timed_out '(end of the program)' "$(hang_text)"
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
      name=${name##*:}
      reached=$name
      # Loop tests report each of their rounds under the same name.
      at=1
      while [ -n "${outcome[$name#$at]:-}" ]; do
        at=$((at + 1))
      done
      if [ "${line:0:3}" = not ]; then
        tail+=("$message")
        broken[$name]=yes
        case_failed "$name#$at"
      else
        case_passed "$name#$at"
      fi
      tail=()
      ;;
    '# SKIP '*)
      name=${line#'# SKIP '}
      [ -n "${outcome[${name%%:*}]:-}" ] || case_skipped "${name%%:*}" "${name#*: }"
      ;;
    'Running suite'* | 'Check suite'* | [0-9]*'%: Checks'* | 1..[0-9]*) ;;
    *) tail+=("$1") ;;
  esac
  [ ${#tail[@]} -lt 60 ] || keep_tail 15
}

names_line ()
{
  [ "${1:0:6}" != 'Test: ' ] || cases+=("${1#Test: }")
}

# First all in one process, which is quick. What failed there, was being run when it
# broke off, or was not reached, is run once more in a process of its own, and what it
# does there counts.
run_check ()
{
  local file=$1 case stop first='' i item before=${#problems[@]} fork=no
  local -a cases=() again=() kept=()
  local -A broken=()
  local reached=''

  export CK_FORK=no
  choose_patience
  run names_line "$file" -l
  outcome=()
  if [ $status = 0 ] && [ ${#cases[@]} = 0 ]; then
    case_skipped '(all)' 'no test that can run here'
    return
  fi
  if [ $status != 0 ]; then
    case_failed '(list of cases)' "$(ended $status)"
    return
  fi
  choose_patience
  run check_line "$file"
  if [ $hung = yes ]; then
    hangs=$((hangs + 1))
    first="nothing heard for $current_patience s"
  elif [ $status != 0 ]; then
    first=$(ended $status)
  fi
  if [ -z "$first" ]; then
    return
  fi

  # It ended itself, if it went through to the last.
  if [ $hung = no ] && [ $status -le 128 ] && [ ${#broken[@]} -gt 0 ]; then
    reached=''
  fi
  for case in "${cases[@]}"; do
    if [ "$case" = "$reached" ] || [ -n "${broken[$case]:-}" ] || [ -z "${outcome[$case#1]:-}" ]; then
      again+=("$case")
    fi
  done
  check_device
  problems=("${problems[@]:0:before}")
  own_problems=()
  failed=0
  for case in "${again[@]}"; do
    for ((i = 1; ; i++)); do
      item=${outcome[$case#$i]:-}
      [ -n "$item" ] || break
      [ "$item" != passed ] || passed=$((passed - 1))
      unset "outcome[$case#$i]"
    done
  done

  # A round of a test that makes the stand-in fail leaves it so. On a GPU, a fork may
  # have no use of what its parent began.
  [ -z "$driver" ] || fork=yes
  printf '== %s: %s; once more, in processes of their own: %s\n' "$label" "$first" "${again[*]}" >> "$log"
  for case in "${again[@]}"; do
    stop=$(stop_reason)
    [ $timed_out -lt $most_hangs ] || stop="$timed_out cases hung"
    if [ -n "$stop" ]; then
      case_not_run "$case"
      kept+=("$case")
      continue
    fi
    broken=()
    choose_patience
    # Who notices a hang is run, which says so, and not check, a moment earlier.
    GST_CHECKS=$case CK_FORK=$fork CK_DEFAULT_TIMEOUT=$((current_patience + 30)) run check_line "$file"
    if [ $hung = yes ]; then
      hangs=$((hangs + 1))
      case_timed_out "$case" "$(hang_text)"
      check_device
    elif [ $status != 0 ] && [ ${#broken[@]} = 0 ]; then
      case_failed "$case" "$(ended $status)"
      check_device
    fi
  done
  tail=()
  if [ ${#kept[@]} -gt 0 ]; then
    problem "(${#kept[@]} tests)" "not run: $stop"
  elif [ $((failed + timed_out)) = 0 ]; then
    case_failed '(all in one process)' "$first; each alone, they pass: ${again[*]}"
  fi
}

# ---- nothing to run

skip_all () { case_skipped '(all)' "$1"; }
fail_all () { case_failed '(all)' "$1"; }

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
    case_timed_out "$case" "$(hang_text)"
    check_device
    return 1
  elif [ $status = 77 ]; then
    case_skipped "$case" "lacks something on this machine"
    return 1
  elif [ $status != 0 ]; then
    case_failed "$case" "$(ended $status)"
    check_device
    return 1
  fi
}
