# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a kernel declares, as Markdown; for the pages that gen-*.py write."""
import gi

gi.require_version("Ring", "1.0")
from gi.repository import GObject, Ring  # noqa: F401


def number(value, pspec=None):
    if pspec and "0xRRGGBB" in pspec.blurb:
        return "0x%06x" % value
    return str(value) if isinstance(value, int) else "%.6g" % value


def nicks(pspec):
    """The values of an enumeration, which Python has a class for or has not."""
    found = []
    # What has no name is returned as a number.
    while (nick := GObject.enum_to_string(pspec.value_type, len(found))) \
            != str(len(found)):
        found.append(nick)
    return found


def type_and_range(pspec):
    """How a parameter is written, and which values it takes."""
    fundamental = GObject.type_fundamental(pspec.value_type)
    if fundamental == GObject.TYPE_ENUM:
        return "one of", code(nicks(pspec))
    if fundamental == GObject.TYPE_BOOLEAN:
        return "boolean", ""
    if fundamental == GObject.TYPE_STRING:
        return "list of numbers", ""
    name = "integer" if fundamental == GObject.TYPE_INT else "number"
    return name, "%s to %s" % (number(pspec.minimum, pspec), number(pspec.maximum, pspec))


def default(pspec):
    value = pspec.default_value
    fundamental = GObject.type_fundamental(pspec.value_type)
    if fundamental == GObject.TYPE_ENUM:
        return nicks(pspec)[int(value)]
    if fundamental == GObject.TYPE_BOOLEAN:
        return "true" if value else "false"
    if fundamental == GObject.TYPE_STRING:
        return value
    return number(value, pspec)


def code(words):
    return ", ".join("`%s`" % word for word in words)


def table(info):
    """The lines on a kernel's parameters; none if it has none."""
    pspecs = info.list_parameters()
    lines = []
    if pspecs:
        lines += ["", "| parameter | default | unit | values | what it does |",
                  "|---|---|---|---|---|"]
    for pspec in pspecs:
        unit = info.get_parameter_unit(pspec.name) or ""
        blurb = pspec.blurb
        if unit:
            blurb = blurb.replace(" [%s]" % unit, "")
        kind_of, values = type_and_range(pspec)
        lines.append("| `%s` | %s | %s | %s | %s |" % (
            pspec.name, default(pspec), unit,
            (kind_of + (": " if kind_of == "one of" else ", ") + values)
            if values else kind_of, blurb.replace("|", "\\|")))
    return lines
