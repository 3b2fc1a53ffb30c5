#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many live conversations, for tests of what happens to them.

talkers.py serve PROTO:PORT...
talkers.py talk ADDRESS COUNT PROTO:PORT SOURCE [INTERVAL]

`serve` sends back what it hears. `talk` opens COUNT conversations from the address SOURCE and says
a numbered line on each every INTERVAL seconds, but not while the last one may still come back,
until its standard input ends; then it waits for what is still under way and prints one line of
JSON: how many conversations there were, how many broke, and how many lines were sent and came back.
It prints "ready" once every conversation has been answered."""

import asyncio
import json
import socket
import sys
import time

SO_RCVBUFFORCE = 33
PATIENCE = 5  # seconds after which a line counts as lost and the next one is said
QUIET = 3  # seconds without an answer after which none is under way any more


def give_room(transport):
    """So that no line is lost in a full socket."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)


class UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.transport.sendto(data, peer)


async def tcp_echo(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(line)
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(places):
    loop = asyncio.get_running_loop()
    for place in places:
        protocol, port = place.split(":")
        if protocol == "tcp":
            await asyncio.start_server(tcp_echo, None, int(port), backlog=2048)
        else:
            transport, _ = await loop.create_datagram_endpoint(
                UdpEcho, local_addr=("::", int(port)))  # IPv4 too
            give_room(transport)
    print("ready", flush=True)
    await asyncio.Event().wait()


class UdpTalk(asyncio.DatagramProtocol):
    def __init__(self, talk):
        self.talk = talk

    def datagram_received(self, data, peer):
        self.talk.heard += 1

    def error_received(self, error):
        pass


class Talk:
    def __init__(self):
        self.sent = self.heard = 0
        self.said = 0.0
        self.broken = False

    async def open(self, protocol, address, port, source):
        if protocol == "udp":
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                lambda: UdpTalk(self), local_addr=(source, 0), remote_addr=(address, port))
            self.write = transport.sendto
            return
        reader, writer = await asyncio.open_connection(address, port, local_addr=(source, 0))
        self.write = writer.write
        self.reading = asyncio.create_task(self.read(reader))

    async def read(self, reader):
        try:
            while await reader.readline():
                self.heard += 1
        except ConnectionError:
            pass
        self.broken = True

    def say(self):
        now = time.monotonic()
        if self.broken or (self.heard < self.sent and now < self.said + PATIENCE):
            return
        self.write(b"%d\n" % self.sent)
        self.sent += 1
        self.said = now


async def answers(talks):
    """Waits until all lines have come, or none comes any more: a busy machine may be slow."""
    heard, since = -1, 0.0
    while any(one.heard < one.sent and not one.broken for one in talks):
        now, total = time.monotonic(), sum(one.heard for one in talks)
        if total != heard:
            heard, since = total, now
        elif now > since + QUIET:
            return
        await asyncio.sleep(0.05)


async def talk(address, count, protocol, port, source, interval):
    talks = [Talk() for _ in range(count)]
    for one in talks:
        await one.open(protocol, address, port, source)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    is_ready = False
    while not ended.done():
        for one in talks:
            one.say()
        await asyncio.sleep(interval)
        if not is_ready and all(one.heard for one in talks):
            is_ready = True
            print("ready", flush=True)
    await answers(talks)
    print(json.dumps({"talks": count, "broken": sum(one.broken for one in talks),
                      "silent": sum(one.heard == 0 for one in talks),
                      "sent": sum(one.sent for one in talks),
                      "heard": sum(one.heard for one in talks)}), flush=True)


def main():
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2:]))
    else:
        address, count, place, source = sys.argv[2:6]
        protocol, port = place.split(":")
        interval = float(sys.argv[6]) if len(sys.argv) > 6 else 1.0
        asyncio.run(talk(address, int(count), protocol, int(port), source, interval))


main()
