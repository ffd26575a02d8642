#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the tables of properties and of `stats` in docs/element.md from the element.

    gen-element.py           write them
    gen-element.py --check   only say whether they are up to date (exit status)
"""
import os
import re
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "element.md")
TABLE = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
# GST_PARAM_MUTABLE_PLAYING and GST_PARAM_CONTROLLABLE.
WHILE_PLAYING, CONTROLLABLE = 1 << 12, 1 << 9
BOUNDS = {2 ** 31 - 1, -2 ** 31, 2 ** 32 - 1, 2 ** 63 - 1, 2 ** 64 - 1}


def nick(pspec, number):
    """Of an enumeration's value, for which Python may have a class or not."""
    value = GObject.Value()
    value.init(pspec.value_type)
    value.set_enum(number)
    return Gst.value_serialize(value)


def nicks(pspec):
    # What has no name is returned as a number.
    return [nick(pspec, n) for n in range(32)
            if GObject.enum_to_string(pspec.value_type, n) != str(n)]


def kind_of(pspec):
    fundamental = GObject.type_fundamental(pspec.value_type)
    if fundamental == GObject.TYPE_ENUM:
        return ", ".join("`%s`" % name for name in nicks(pspec))
    if fundamental == GObject.TYPE_BOOLEAN:
        return "boolean"
    if fundamental == GObject.TYPE_STRING:
        return "string"
    if fundamental == GObject.TYPE_BOXED:
        return "structure"
    low = "any" if pspec.minimum in BOUNDS else "%d" % pspec.minimum
    return ("integer, %s to %d" % (low, pspec.maximum)
            if pspec.maximum not in BOUNDS else "integer, from %s" % low)


def default_of(pspec):
    value = getattr(pspec, "default_value", None)
    fundamental = GObject.type_fundamental(pspec.value_type)
    if fundamental == GObject.TYPE_ENUM:
        return nick(pspec, int(value))
    if fundamental == GObject.TYPE_BOOLEAN:
        return "true" if value else "false"
    return "" if value is None else str(value)


def when(pspec):
    if not pspec.flags & GObject.ParamFlags.WRITABLE:
        return "read only"
    return "any time" if int(pspec.flags) & WHILE_PLAYING else "NULL, READY"


def properties(element):
    inherited = {pspec.name for pspec in
                 GObject.list_properties(GObject.type_from_name("GstElement"))}
    lines = ["| property | values | default | may change | what it is |",
             "|---|---|---|---|---|"]
    for pspec in sorted(element.list_properties(), key=lambda pspec: pspec.name):
        if pspec.name not in inherited:
            lines.append("| `%s` | %s | %s | %s | %s |" % (
                pspec.name, kind_of(pspec), default_of(pspec), when(pspec),
                pspec.blurb.replace("|", "\\|")))
    return lines


def stats(element):
    element.set_property("kernel", "copy")
    element.set_state(Gst.State.READY)
    structure = element.get_property("stats")
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    element.set_state(Gst.State.NULL)
    return ["The fields: " + ", ".join("`%s`" % name for name in names) + "."]


def main():
    Gst.init(None)
    element = Gst.ElementFactory.make("ringkernelfilter")
    tables = {"properties": properties(element), "stats": stats(element)}
    with open(PAGE, encoding="utf-8") as file:
        old = file.read()
    text = TABLE.sub(
        lambda found: found[1] + "\n".join(tables[found[2]]) + "\n" + found[3], old)
    if text == old:
        return
    if "--check" in sys.argv[1:]:
        sys.exit("docs/element.md is not up to date; run docs/gen-element.py")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)
    print("written: docs/element.md")


main()
