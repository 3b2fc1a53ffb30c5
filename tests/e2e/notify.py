#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""notify.py SOCKET: prints what a service tells systemd by sd_notify(), a line a message."""
import os
import socket
import sys

path = sys.argv[1]
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(path)
os.chmod(path, 0o600)
print("ready", flush=True)
while True:
    # systemd reads as much; what is longer is lost there.
    message, _, flags, _ = heard.recvmsg(4096)
    if not flags & socket.MSG_TRUNC:
        print(message.decode().replace("\n", " "), flush=True)
