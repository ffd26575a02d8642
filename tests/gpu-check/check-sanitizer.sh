# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-sanitizer.sh: a part of gpu-check: some of the tests under NVIDIA's
# compute-sanitizer, where a machine has it.
# shellcheck shell=bash disable=SC2154,SC2034 # what the other parts define or use

sanitizer_tools=(memcheck racecheck synccheck)
# What a tool ends with if it found something; no test does.
sanitizer_found=55

# PROGRAM|CASES: each kernel once in each mode, another transfer for each; and messages
# of every size. Under a tool all of it takes ten to a hundred times as long.
sanitized=(
  'kernels/kernels-backends|^/backends/[^/]*/(persistent/mapped|event-driven/staged)$'
  'runtime/runtime-messages|^/(messages/(every-size|block-sharing)|call/gets-its|emit/none-one)'
)
one_stream_in=12

# Sets `sanitizer`, or `no_sanitizer` to the reason why there is none.
find_sanitizer ()
{
  local path

  sanitizer='' no_sanitizer=''
  if [ "$backend" != cuda ]; then
    no_sanitizer="it is about a GPU, and --backend is $backend"
    return
  elif [ "$driver" = "$here/stand-in" ]; then
    no_sanitizer='the stand-in driver executes nothing of a GPU'
    return
  fi
  for path in "$(command -v compute-sanitizer)" /usr/local/cuda/bin/compute-sanitizer \
      /usr/local/cuda*/bin/compute-sanitizer /usr/local/cuda*/compute-sanitizer/compute-sanitizer; do
    if [ -f "$path" ] && [ -x "$path" ]; then
      sanitizer=$path
      break
    fi
  done
  if [ -z "$sanitizer" ]; then
    no_sanitizer='there is no compute-sanitizer, neither on the path nor in /usr/local/cuda*'
  elif ! timeout 20 "$sanitizer" --version > /dev/null 2>&1; then
    no_sanitizer="$sanitizer does not start here"
  fi
}

# A kernel that stays uses memory that its process has got since it was launched; memcheck
# holds against it what there was then, and ends the kernel. It says all the same what it
# knows of the address by now: that it lies inside an allocation. That is no fault, but
# nothing more can be seen.
sanitizer_line ()
{
  case $1 in
    =========*)
      [[ $1 != *SUMMARY:* ]] || summed_up=yes
      # The first says what tool it is.
      [[ $1 != *COMPUTE-SANITIZER* && $1 != *SUMMARY:* ]] || return 0
      if [[ $1 =~ ^=========\ *$ ]]; then
        end_finding
      else
        finding+=("$1")
      fi
      ;;
    *) glib_line "$1" ;;
  esac
}

# Ends the finding that was being told; `findings` are those that count.
end_finding ()
{
  if [ ${#finding[@]} -gt 0 ]; then
    if [[ "${finding[*]}" == *'out of bounds'*'is inside the nearest allocation'* ]]; then
      later_memory=$((later_memory + 1))
    elif [ $later_memory = 0 ] || [[ "${finding[*]}" != *"process didn't terminate"* ]]; then
      findings+=("${finding[@]}")
    fi
  fi
  finding=()
}

# run_tool TOOL
run_tool ()
{
  local tool=$1 item file pattern case name done_so_far=0 heard summed_up stop
  local later_memory
  local -a cases todo arguments findings finding

  for item in "${sanitized[@]}"; do
    IFS='|' read -r file pattern <<< "$item"
    name="${file##*/} under $tool"
    cases=() todo=() arguments=(-k) findings=() finding=() later_memory=0 summed_up=no heard=0
    stop=$(stop_reason)
    if [ -n "$stop" ]; then
      case_skipped "$name" "$stop"
      continue
    fi
    run list_line "$here/tests/$file" -l
    for case in "${cases[@]}"; do
      [[ $case =~ $pattern ]] || continue
      todo+=("$case")
      arguments+=(-p "$case")
    done
    if [ ${#todo[@]} = 0 ]; then
      case_failed "$name" 'there is no such case'
      continue
    fi
    tail=()
    # Which calls of the driver fail the tests see for themselves.
    current_patience=$((3 * patience)) \
        at_most=$(share_of_time $((left_to_run - done_so_far))) \
        RING_TEST_ONE_STREAM_IN=$one_stream_in \
        run sanitizer_line "$sanitizer" --tool "$tool" --error-exitcode $sanitizer_found \
        --report-api-errors no --print-limit 2000 --show-backtrace no "$here/tests/$file" "${arguments[@]}"
    end_finding
    done_so_far=$((done_so_far + 1))
    for case in "${todo[@]}"; do
      [ -z "${outcome[$case]:-}" ] || heard=$((heard + 1))
    done
    if [ ${#findings[@]} -gt 0 ]; then
      tail=("${findings[@]:0:15}")
    fi
    if [ $slow = yes ]; then
      # Nothing was wrong so far.
      case_skipped "$name" "$heard of ${#todo[@]} cases came to their end in the $may_take s for them"
    elif [ $hung = yes ]; then
      hangs=$((hangs + 1))
      case_timed_out "$name" "$(current_patience=$((3 * patience)) hang_text)"
      check_device
    elif [ ${#findings[@]} = 0 ] && [ $later_memory -gt 0 ]; then
      case_skipped "$name" "$heard of ${#todo[@]} cases came to their end before the tool ended a kernel for memory that came after its launch"
    elif [ $status = $sanitizer_found ]; then
      case_failed "$name" "found: ${findings[0]##=========*( )}"
    elif [ $heard = 0 ] && [[ ${findings[*]} == *'not supported'* ]]; then
      case_skipped "$name" "${findings[0]##=========*( )}"
    elif [ $heard -lt ${#todo[@]} ]; then
      case_failed "$name" "$(ended $status) after $heard of ${#todo[@]} cases"
      check_device
    elif [ $summed_up = no ]; then
      case_failed "$name" "it says nothing of what it found, and $(ended $status)"
    elif [ $status != 0 ] && [ $failed = 0 ]; then
      case_failed "$name" "$(ended $status)"
    elif [ $status = 0 ]; then
      case_passed "$name"
    fi
  done
}

run_sanitizer ()
{
  local tool left_to_run=$((${#sanitizer_tools[@]} * ${#sanitized[@]}))

  shopt -s extglob
  find_sanitizer
  for tool in "${sanitizer_tools[@]}"; do
    if [ -n "$no_sanitizer" ]; then
      try "sanitizer/$tool" '' skip_all "$no_sanitizer"
    else
      try "sanitizer/$tool" '' run_tool "$tool"
    fi
    left_to_run=$((left_to_run - ${#sanitized[@]}))
  done
}
