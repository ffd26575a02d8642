#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Checks what no test checks; `./dev lint` calls it. With --format [FILE …] it
# formats instead. Runs in the root of the project.
set -euo pipefail

files ()
{
  local file
  git ls-files -co --exclude-standard "$@" | while read -r file; do
    [ ! -e "$file" ] || echo "$file"
  done
}

# What the SDK's macros are made of, and the tables of the ABI: there no formatter
# does better than the author.
formatted ()
{
  files '*.c' '*.h' \
      | grep -v -x 'runtime/ringkernel/\(kernel-sdk\|sdk-map\|abi\)\.h'
}

# ---- the checks. Each prints why it fails; status 77: not possible here.

# Versions of clang-format disagree, so one has to be the measure.
check_formatting ()
{
  local version
  version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
  if [ "$version" != 14 ]; then
    echo "needs clang-format 14, this is $version"
    return 77
  fi
  formatted | xargs clang-format --dry-run -Werror
}

check_lengths_of_files ()
{
  files '*.c' '*.h' '*.py' '*.sh' | xargs wc -l \
      | awk '$2 != "total" && $1 > 750 { print $2 ": " $1 " lines, 750 allowed"; bad = 1 }
          END { exit bad }'
}

# An arrow only goes down: gst -> runtime -> ringkernel; kernels see the SDK.
check_includes ()
{
  local bad=0
  if files 'runtime/*.[ch]' 'kernels/*.c' | xargs grep -n '#include <gst/'; then
    echo 'runtime and kernels do not know GStreamer'
    bad=1
  fi
  if files 'gst/*.[ch]' | xargs grep -n '#include.*[<"]\(core\|backends\|compile\)/'; then
    echo 'the plugin uses the public headers alone'
    bad=1
  fi
  if files 'runtime/cli/*.[ch]' | xargs grep -n '#include.*[<"]\(core\|backends\|compile\)/'; then
    echo 'the command uses the public headers alone'
    bad=1
  fi
  if files 'kernels/*.c' 'examples/kernels/*.c' 'runtime/cli/templates/*.c' \
      | xargs grep -n '#include' \
      | grep -v '<ringkernel/kernel-sdk.h>'; then
    echo 'a kernel includes kernel-sdk.h alone'
    bad=1
  fi
  return $bad
}

check_every_file_names_its_licence ()
{
  local bad
  # The examples of kernels are as short as a user's own would be.
  bad=$(files '*.[ch]' '*.py' '*.sh' dev .ci/run | grep -v '^examples/kernels/' \
      | xargs grep -L SPDX || true)
  [ -z "$bad" ] || { echo "no SPDX line: $bad"; return 1; }
}

# header_alone COMPILER … : every public header compiles by itself.
headers_alone ()
{
  local header flags
  read -ra flags <<< "$(pkg-config --cflags gio-2.0)"
  for header in runtime/ringkernel/*.h; do
    printf '#include <ringkernel/%s>\n' "${header##*/}" \
        | "$@" -Wall -Wextra -Werror -fsyntax-only -Iruntime "${flags[@]}" - \
        || { echo "$header does not compile alone: $*"; return 1; }
  done
}

check_headers_alone_as_c11 ()
{
  headers_alone cc -std=c11 -x c && headers_alone clang -std=c11 -x c
}

check_headers_alone_as_cplusplus17 ()
{
  headers_alone c++ -std=c++17 -x c++ && headers_alone clang++ -std=c++17 -x c++
}

# warnings_of COMPILER: none, in a build of its own.
warnings_of ()
{
  local folder=build-$1
  [ -e "$folder/build.ninja" ] \
      || CC=$1 meson setup "$folder" -Dwerror=true -Dintrospection=disabled \
          -Dgpu_architectures=90 > /dev/null
  meson compile -C "$folder" > "$folder/log" 2>&1 \
      || { grep -A 5 -e 'error:' -e ERROR "$folder/log"; return 1; }
}

check_no_warnings_of_gcc ()
{
  warnings_of gcc
}

check_no_warnings_of_clang ()
{
  warnings_of clang
}

check_python ()
{
  files '*.py' | xargs python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path, encoding="utf-8").read(), path)'
}

check_shell ()
{
  { echo dev; files '.ci/run' '*.sh'; } | xargs shellcheck -x -P SCRIPTDIR -S warning
}

# ---- running them

if [ "${1:-}" = --format ]; then
  shift
  # Of those that are named, what the formatter is for.
  mapfile -t < <(formatted | if [ $# -gt 0 ]; then
      grep -x -F -f <(printf '%s\n' "${@#./}"); else cat; fi) MAPFILE
  [ ${#MAPFILE[@]} -gt 0 ] || { echo "no C files of the project: $*" >&2; exit 1; }
  exec clang-format -i "${MAPFILE[@]}"
fi

passed=0 failed=0 skipped=0
for check in $(declare -F | sed -n 's/^declare -f check_//p'); do
  status=0
  # `set -e` is off in there, as in any condition; each check says its result.
  text=$("check_$check" 2>&1) || status=$?
  case $status in
    0) passed=$((passed + 1)); echo "ok    ${check//_/ }" ;;
    77) skipped=$((skipped + 1)); echo "skip  ${check//_/ }: $text" ;;
    *)
      failed=$((failed + 1))
      echo "FAIL  ${check//_/ }"
      sed -n '1,60s/^/      /p' <<< "$text"
      ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
