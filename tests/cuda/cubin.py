# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what nvcc made: the cubins in a fat binary, without any tool of CUDA's."""
import re
import struct

ENTRY = "ring_kernel_resident"


class Cubin:
    """One ELF of a fatbin: what ptxas says of the kernel in it."""
    NOBITS = 8
    # attributes of .nv.info
    MAX_THREADS, FRAME_SIZE, REGISTERS = 0x05, 0x11, 0x2f

    def __init__(self, data, targets):
        (self.machine, _, _, _, shoff, flags, _, _, _, shentsize, shnum,
         shstrndx) = struct.unpack_from("<HIQQQIHHHHHH", data, 18)
        headers = [struct.unpack_from("<IIQQQQ", data, shoff + i * shentsize)
                   for i in range(shnum)]
        strings = headers[shstrndx][4]
        self.sections, self.sizes = {}, {}
        for name, kind, _, _, offset, size in headers:
            end = data.index(b"\0", strings + name)
            body = b"" if kind == self.NOBITS else data[offset:offset + size]
            self.sections[data[strings + name:end].decode()] = body
            self.sizes[data[strings + name:end].decode()] = size
        # Newer versions of the file format have it one byte further up.
        low, high = flags & 0xff, flags >> 8 & 0xff
        self.architecture = f"sm_{low if f'sm_{low}' in targets else high}"
        self.code = self.sections[".text." + ENTRY]
        # Of all functions in it: what divides 64 bits may be one of its own.
        self.registers = max(self.of_functions(self.REGISTERS))
        self.frame = max(self.of_functions(self.FRAME_SIZE))
        self.shared = self.sizes.get(".nv.shared." + ENTRY, 0)
        self.lanes = struct.unpack_from(
            "<I", dict(self.info(".nv.info." + ENTRY))[self.MAX_THREADS])[0]

    def info(self, section):
        """(attribute, value) of .nv.info: format, attribute, size or value."""
        data, at = self.sections[section], 0
        while at < len(data):
            form, attribute, value = struct.unpack_from("<BBH", data, at)
            at += 4
            if form == 4:
                yield attribute, data[at:at + value]
                at += value
            else:
                yield attribute, value

    def of_functions(self, attribute):
        return [struct.unpack("<II", value)[1]
                for which, value in self.info(".nv.info") if which == attribute]


def of_image(data, targets):
    """The cubins of a fat binary, in the order in which they lie there; @targets are
    the architectures that it was made for ("sm_90")."""
    return [Cubin(data[m.start():], targets)
            for m in re.finditer(rb"\x7fELF\x02\x01", data)]
