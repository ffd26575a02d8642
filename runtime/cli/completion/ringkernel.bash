# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of `ringkernel` for bash. Commands, options, kernels and parameters are
# asked of the program, so there is nothing here that could be out of date.
# shellcheck shell=bash

_ringkernel ()
{
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]:-} words='' files=no

  # --option=value comes as three words
  if [ "$current" = = ]; then
    current=
  elif [ "$previous" = = ]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi

  if [ "$COMP_CWORD" -eq 1 ] || { [ "$command" = help ] && [ "$COMP_CWORD" -eq 2 ]; }; then
    words=$("$program" help 2> /dev/null | sed -n 's/^  \([a-z]*\)  .*/\1/p')
    [ "$COMP_CWORD" -ne 1 ] || words="$words --help --version"
  else
    case $previous in
      -i | --input | -o | --output) files='*' ;;
      --backend) words='auto cpu cuda' ;;
      --sink) words='fakesink autovideosink ximagesink waylandsink' ;;
      -m | --mode) words='auto inline event-driven persistent' ;;
      --pid)
        words=$("$program" top --once --json --interval 0.1 2> /dev/null \
            | grep -o '"pid":[0-9]*' | cut -d : -f 2)
        ;;
      -p | --param)
        words=$("$program" inspect "${COMP_WORDS[2]}" 2> /dev/null \
            | sed -n '/^parameters:/,$ s/^  \([A-Za-z][A-Za-z0-9_-]*\)  .*/\1=/p')
        compopt -o nospace 2> /dev/null
        ;;
      *)
        case $current in
          -*)
            words=$("$program" help "$command" 2> /dev/null \
                | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p')
            ;;
          *)
            case $command in
              inspect | run | verify | bench)
                words=$("$program" list --names 2> /dev/null)
                files='*.@(c|so)'
                ;;
              watch) files='*.@(c|so)' ;;
              compile) files='*.c' ;;
            esac
            ;;
        esac
        ;;
    esac
  fi

  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [ "$files" != no ]; then
    local file
    while read -r file; do
      # shellcheck disable=SC2053 # a pattern
      if [ -d "$file" ] || [[ $file == $files ]]; then
        COMPREPLY+=("$file")
      fi
    done < <(compgen -f -- "$current")
    compopt -o filenames 2> /dev/null
  fi
}

complete -F _ringkernel ringkernel
