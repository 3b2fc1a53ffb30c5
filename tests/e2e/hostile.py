#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile clients, COUNT at a time for SECONDS. A client that is disconnected connects again:

  hostile.py PORT COUNT SECONDS

Of each four: one says nothing, one sends a byte now and then, one sends headers without end, one
asks for much and reads nothing. A half of them comes from one address, the others from many.
Prints how many connections were made.
"""

import asyncio
import itertools
import resource
import sys
import time

port, count, seconds = (int(word) for word in sys.argv[1:])
end = time.monotonic() + seconds
made = 0


async def idle(reader, _writer):
    await reader.read(1)


async def slow(reader, writer):
    for byte in itertools.chain(b"GET /metrics HTTP/1.1\r\nX: ", itertools.repeat(120)):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)


async def huge(reader, writer):
    writer.write(b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000000\r\n")
    while True:
        writer.write(b"X: " + b"y" * 4096 + b"\r\n")
        await writer.drain()


async def deaf(reader, writer):
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
    await writer.drain()
    await asyncio.sleep(seconds)


async def client(number):
    global made
    behave = (idle, slow, huge, deaf)[number % 4]
    source = f"127.0.{number % 251}.{1 + number % 250}" if number % 8 < 4 else "127.0.0.1"
    while time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0), limit=4096)
            made += 1
            try:
                await asyncio.wait_for(behave(reader, writer), max(0.01, end - time.monotonic()))
            finally:
                writer.close()
        except (OSError, asyncio.TimeoutError):
            pass
        await asyncio.sleep(0.2)


async def main():
    await asyncio.gather(*(client(number) for number in range(count)))


limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
asyncio.run(main())
print(made)
