#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a page in a Chromium that listens on a debugging port, waits, and says what it shows:

  browser.py DEBUG-PORT URL SECONDS PICTURE [WIDTH [SCRIPT]]

The page as HTML on stdout, a picture in PICTURE. WIDTH: of the window, in pixels. SCRIPT is run
when the time is over; what it yields is printed first, as `result: TEXT`. Errors of the page's script, and requests that failed or went elsewhere, go to stderr.
"""

import base64
import json
import os
import socket
import struct
import sys
import time
import urllib.request


class Page:
    """DevTools over a WebSocket (RFC 6455), as little of both as is needed."""

    def __init__(self, url):
        host, path = url.removeprefix("ws://").split("/", 1)
        self.socket = socket.create_connection((host.split(":")[0], int(host.split(":")[1])))
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                            "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        while self.file.readline().strip():
            pass
        self.number, self.events = 0, []

    def call(self, method, **params):
        self.number += 1
        data = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        # Masked with zeros; 16-bit lengths are enough for what we say.
        self.socket.sendall(struct.pack("!BBH", 0x81, 0x80 | 126, len(data)) + bytes(4) + data)
        while True:
            message = json.loads(self.read())
            if message.get("id") == self.number:
                return message["result"]
            self.events.append(message)

    def read(self):
        data, last = b"", False
        while not last:
            first, length = self.file.read(2)
            last = bool(first & 0x80)
            if length == 126:
                length, = struct.unpack("!H", self.file.read(2))
            elif length == 127:
                length, = struct.unpack("!Q", self.file.read(8))
            data += self.file.read(length)
        return data


port, url, seconds, picture = sys.argv[1:5]
width = int(sys.argv[5]) if len(sys.argv) > 5 else 1400
tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list"))
page = Page(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
for domain in "Page", "Runtime", "Network", "Log":
    page.call(domain + ".enable")
page.call("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1,
          mobile=width < 640)
page.call("Page.navigate", url=url)
time.sleep(float(seconds))
if len(sys.argv) > 6:
    print("result:", page.call("Runtime.evaluate", expression=sys.argv[6])["result"].get("value"))
html = page.call("Runtime.evaluate", expression="document.documentElement.outerHTML")
image = page.call("Page.captureScreenshot")
with open(picture, "wb") as out:
    out.write(base64.b64decode(image["data"]))
print(html["result"]["value"])
for event in page.events:
    what = event["method"]
    if what in ("Runtime.exceptionThrown", "Network.loadingFailed", "Log.entryAdded"):
        print(what, json.dumps(event["params"]), file=sys.stderr)
    if what == "Network.requestWillBeSent":
        asked = event["params"]["request"]["url"]
        if not asked.startswith(url):
            print("asked elsewhere:", asked, file=sys.stderr)
