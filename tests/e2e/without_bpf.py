#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# [--load|--memory] COMMAND...: runs it as on a host that refuses bpf() with EPERM; or where no program is
# loaded, as by a verifier that says no (EACCES); or where there is no memory for a map (ENOMEM).
import ctypes
import errno
import os
import platform
import struct
import sys

BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER_AT, COMMAND_AT = 0, 16  # in struct seccomp_data
BPF_MAP_CREATE, BPF_PROG_LOAD = 0, 5

command = sys.argv[1:]
one_command, error = None, errno.EPERM
if command[0] == "--load":
    one_command, error = BPF_PROG_LOAD, errno.EACCES
elif command[0] == "--memory":
    one_command, error = BPF_MAP_CREATE, errno.ENOMEM
if one_command is not None:
    del command[0]

instructions = [(LOAD_NUMBER, 0, 0, NUMBER_AT), (JUMP_IF_EQUAL, 1, 0, BPF), (RETURN, 0, 0, ALLOW)]
if one_command is not None:
    instructions += [(LOAD_NUMBER, 0, 0, COMMAND_AT), (JUMP_IF_EQUAL, 1, 0, one_command), (RETURN, 0, 0, ALLOW)]
instructions.append((RETURN, 0, 0, REFUSE | error))
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in instructions))
program = ctypes.create_string_buffer(struct.pack("@HP", len(instructions), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)):
    if libc.prctl(*arguments):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(command[0], command)
