#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""New UDP flows as fast as they are answered, or faster, for tests that switch policies meanwhile.

sprayer.py echo ADDRESS PORT...        sends back what it hears
sprayer.py count ADDRESS PORT...       counts what it hears, by source and port
sprayer.py ask SOURCE ADDRESS PORT     one datagram of each of many sockets, the next when it is
                                       answered; what nothing answers within five seconds is lost
sprayer.py blast SOURCE ADDRESS PORT   datagrams of ever other ports, answers or none

Each runs until its standard input ends, then prints one line of JSON."""

import collections
import json
import os
import selectors
import socket
import sys
import time

ROOM = 16 << 20
SO_RCVBUFFORCE = 33
ASKERS = 64  # sockets that wait for an answer at any time
QUESTIONS = 8  # a socket asks before another takes its place, under another port
PATIENCE = 5.0 * int(os.environ.get("PM_SLOW", 1))  # seconds, more on an emulated machine
BURST = 32
PACE = 0.002  # seconds between bursts: the processors are for the switches too


def bound(address, port=0):
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    one.bind((address, port))
    return one  # blocking, so that sending waits for room; who receives says MSG_DONTWAIT


def hear(address, ports, answer):
    """Answers or counts datagrams until standard input ends."""
    heard = collections.Counter()
    loop = selectors.DefaultSelector()
    loop.register(sys.stdin, selectors.EVENT_READ)
    for port in ports:
        loop.register(bound(address, int(port)), selectors.EVENT_READ, port)
    print("ready", flush=True)
    while True:
        for key, _ in loop.select():
            if key.fileobj is sys.stdin:
                return heard
            try:
                for _ in range(256):
                    data, peer = key.fileobj.recvfrom(64, socket.MSG_DONTWAIT)
                    heard[f"{peer[0]}>{key.data}"] += 1
                    if answer:
                        key.fileobj.sendto(data, peer)
            except (BlockingIOError, PermissionError):
                pass


class Asker:
    def __init__(self, source, place):
        self.socket = bound(source)
        self.socket.connect(place)
        self.left = QUESTIONS
        self.number = 0

    def ask(self):
        self.number += 1
        self.left -= 1
        self.since = time.monotonic()
        try:
            self.socket.send(b"%d" % self.number)
        except PermissionError:  # dropped on the way out: nothing will answer
            pass


def ask(source, place):
    loop = selectors.DefaultSelector()
    loop.register(sys.stdin, selectors.EVENT_READ)
    said = collections.Counter(asked=0, answered=0, lost=0)

    def begin():
        asker = Asker(source, place)
        loop.register(asker.socket, selectors.EVENT_READ, asker)
        asker.ask()
        said["asked"] += 1

    def end(asker):
        loop.unregister(asker.socket)
        asker.socket.close()

    for _ in range(ASKERS):
        begin()
    ending = False
    looked = time.monotonic()
    print("ready", flush=True)
    while not ending or len(loop.get_map()) > 0:
        for key, _ in loop.select(0.1):
            if key.fileobj is sys.stdin:
                ending = True
                loop.unregister(sys.stdin)
                continue
            asker = key.data
            try:
                asker.socket.recv(64, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionRefusedError):
                continue
            said["answered"] += 1
            if asker.left > 0 and not ending:
                asker.ask()
                said["asked"] += 1
                continue
            end(asker)
            if not ending:
                begin()
        if time.monotonic() - looked > 0.25:
            looked = time.monotonic()
            for key in list(loop.get_map().values()):
                if key.data and looked - key.data.since > PATIENCE:
                    said["lost"] += 1
                    end(key.data)
                    if not ending:
                        begin()
    return said


def blast(source, place):
    loop = selectors.DefaultSelector()
    loop.register(sys.stdin, selectors.EVENT_READ)
    said = collections.Counter(sent=0, refused=0)
    print("ready", flush=True)
    while True:
        if loop.select(PACE):
            return said
        one = bound(source)
        for _ in range(BURST):
            try:
                one.sendto(b"x", place)
                said["sent"] += 1
            except PermissionError:
                said["refused"] += 1
        one.close()


def main():
    what = sys.argv[1]
    if what in ("echo", "count"):
        said = hear(sys.argv[2], sys.argv[3:], what == "echo")
    else:
        source, address, port = sys.argv[2:]
        said = (ask if what == "ask" else blast)(source, (address, int(port)))
    print(json.dumps(said), flush=True)


main()
