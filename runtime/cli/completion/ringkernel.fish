# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of `ringkernel` for fish. Commands, options, kernels and parameters are
# asked of the program, so there is nothing here that could be out of date.

function __ringkernel_commands
    ringkernel help 2>/dev/null | string replace -rf '^  ([a-z]+)  +(.*)' '$1\t$2'
end

function __ringkernel_files
    for suffix in $argv
        __fish_complete_suffix $suffix | string match -r '.*'$suffix'(?:\t.*)?$|.*/(?:\t.*)?$'
    end
end

# The values of the option $argv[1], each behind $argv[2].
function __ringkernel_values
    switch $argv[1]
        case -i --input -o --output
            __fish_complete_path
        case --backend
            printf '%s\n' $argv[2](string split ' ' 'auto cpu cuda')
        case -m --mode
            printf '%s\n' $argv[2](string split ' ' 'auto inline event-driven persistent')
        case --pid
            set -l pids (ringkernel top --once --json --interval 0.1 2>/dev/null \
                | grep -o '"pid":[0-9]*' | cut -d : -f 2)
            test -z "$pids"; or printf '%s\n' $argv[2]$pids
        case -p --param
            set -l names (ringkernel inspect $argv[3] 2>/dev/null | sed -n '/^parameters:/,$ p' \
                | string replace -rf '^  ([A-Za-z][A-Za-z0-9_-]*)  .*' '$1=')
            test -z "$names"; or printf '%s\n' $argv[2]$names
        case '*'
            return 1
    end
end

function __ringkernel_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l command $before[2]
    set -l kernel "$before[3]"

    if test (count $before) -eq 1; or test "$before[2]" = help -a (count $before) -eq 2
        __ringkernel_commands
        test (count $before) -gt 1; or printf '%s\n' --help --version
        return
    end
    if string match -qr -- '^--[a-z-]+=' $current
        set -l option (string replace -r '=.*' '' -- $current)
        __ringkernel_values $option $option= $kernel
        return
    end
    __ringkernel_values $before[-1] '' $kernel
    and return
    if string match -q -- '-*' $current
        ringkernel help $command 2>/dev/null \
            | string replace -rf '^  (?:-., |    )(--[a-z-]+)(?:=\S+)? +(.*)' '$1\t$2'
        return
    end
    switch $command
        case inspect run verify bench
            ringkernel list --names 2>/dev/null
            __ringkernel_files .c .so
        case watch
            __ringkernel_files .c .so
        case compile
            __ringkernel_files .c
    end
end

complete -c ringkernel -f -a '(__ringkernel_complete)'
