#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/man/ringkernel.1 from what `ringkernel help` says.

    gen-man.py           write it
    gen-man.py --check   only say whether it is up to date (exit status)

Needs the build on every path: ./dev shell.
"""
import os
import re
import subprocess
import sys

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "man", "ringkernel.1")


def said(*arguments):
    return subprocess.run(["ringkernel", *arguments], check=True, text=True,
                          encoding="utf-8", capture_output=True).stdout


def roff(text):
    """Text as it is, for roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def prose(text):
    """Paragraphs; what is indented stays as it is."""
    lines = []
    for block in re.split(r"\n\n+", text.strip("\n")):
        if block.startswith("  "):
            lines += [".PP", ".nf", roff(block), ".fi"]
        else:
            lines += [".PP", roff(block)]
    return lines


def options(text):
    """A tagged paragraph for each."""
    lines = []
    for line in text.strip("\n").split("\n"):
        begin = re.match(r"  (?:(-.), |    )(--[a-z-]+)(?:=(\S+))? +(.*)", line)
        if begin:
            short, name, value, what = begin.groups()
            tag = ", ".join(filter(None, [short, name]))
            lines += [".TP", "\\fB%s\\fR%s" % (
                roff(tag), "=\\fI%s\\fR" % roff(value) if value else ""), roff(what)]
        else:
            lines.append(roff(line.strip()))
    return lines


def command(name):
    """A section of the page."""
    head, rest = said("help", name).split("\n\n", 1)
    usage, rest = rest.split("\n\n", 1)
    text, rest = rest.split("\noptions:\n")
    choices, examples = rest.split("\n\nexamples:\n")
    return ([".SS %s" % roff(head.replace("ringkernel ", "", 1)), ".PP",
             ".B %s" % roff(usage.replace("usage: ", "", 1))]
            + prose(text) + options(choices)
            + [".PP", ".nf", roff(examples.rstrip("\n")), ".fi"])


def page():
    overview = said("help")
    names = re.findall(r"(?m)^  ([a-z]+)  ", overview)
    about = overview.split("\n\n")[2]
    lines = [
        ".\\\" Written by docs/gen-man.py from the program's own help.",
        ".TH RINGKERNEL 1 \"\" \"gst-%s\"" % roff(said("--version").strip()),
        ".SH NAME",
        "ringkernel \\- kernels, your own ones too, from the command line",
        ".SH SYNOPSIS",
        ".B ringkernel\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]",
        ".PP", ".B ringkernel help\n[\\fICOMMAND\\fR]",
        ".SH DESCRIPTION", *prose(about),
        ".SH COMMANDS",
    ]
    for name in names:
        if name != "help":
            lines += command(name)
    lines += [
        ".SH EXIT STATUS",
        ".TP\n0\nIt went well.",
        ".TP\n1\nSomething failed; one line on stderr says what, and what to do.",
        ".TP\n2\nThe command was typed wrong.",
        ".SH ENVIRONMENT",
        ".TP\n.B RINGKERNEL_PATH\nDirectories that are searched for kernels, separated by"
        " colons.",
        ".TP\n.B RINGKERNEL_BACKEND\nWhat the backend auto means: auto, cpu or cuda.",
        ".TP\n.B RINGKERNEL_TOP\nWhether a process shows its handles to top: 1 or 0.",
        ".TP\n.B RINGKERNEL_INCLUDE\nThe folder that holds ringkernel/kernel\\-sdk.h, where"
        " it is not the installed one.",
        ".TP\n.B RINGKERNEL_NVRTC\nThe NVRTC library, where it is not found by its name.",
        ".TP\n.B CC\nThe C compiler that kernels are compiled with, cc by default.",
        ".SH SEE ALSO", ".BR gst\\-launch\\-1.0 (1),\n.BR gst\\-inspect\\-1.0 (1)",
    ]
    return "\n".join(lines) + "\n"


def main():
    text = page()
    if "--check" in sys.argv[1:]:
        old = ""
        if os.path.exists(PAGE):
            with open(PAGE, encoding="utf-8") as file:
                old = file.read()
        if old != text:
            sys.exit("docs/man/ringkernel.1 is out of date: ./dev shell docs/gen-man.py")
        return
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)


main()
