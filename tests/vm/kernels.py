# SPDX-License-Identifier: Apache-2.0
"""Kernels that are not as a loader of programs wants them."""

import os
import re
import subprocess


def without_type_information(run):
    """A copy of the kernel whose BTF is there and is none: its header's magic number is zero. (Modules
    of the tests' image have no BTF, as the kernel takes none then.)"""
    path = os.path.join(run.folder, "vmlinux-without-btf")
    if os.path.exists(path):
        return path
    source = os.path.join(run.kernel, "vmlinux")
    subprocess.run(["cp", "--sparse=always", source, path], check=True)
    sections = subprocess.run(["readelf", "-SW", path], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\] \.BTF\s+\S+\s+\S+\s+(\S+)\s+(\S+)", sections)
    offset = int(found[1], 16)
    with open(path, "r+b") as file:
        file.seek(offset)
        if file.read(2) != b"\x9f\xeb":
            raise ValueError("no BTF header where the section begins")
        file.seek(offset)
        file.write(bytes(24))
    return path
