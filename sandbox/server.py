"""The sandbox over HTTP: `python -m sandbox serve --port 4566`, for any AWS client.

Beside AWS it answers under `/_sandbox/`: `health`, `calls` (the call log), `advance?seconds=N`.
"""

from __future__ import annotations

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.core.request import Request

from sandbox.errors import Killed, NotSimulated
from sandbox.wire import Dropped, Reply, handle
from sandbox.world import World


def serve(world: World, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server bound to `world`; port 0 picks a free one. Call `serve_forever`, then `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if self.path.startswith("/_sandbox/"):
                reply = _control(world, self.path)
            else:
                host = self.headers.get("Host", "sandbox")
                request = Request.from_primitives(
                    self.command, f"http://{host}{self.path}", self.headers, body
                )
                try:
                    reply = handle(world, request)
                except (Dropped, Killed):
                    self.close_connection = True
                    return
                except NotSimulated as hole:
                    reply = Reply(501, {}, f"not simulated: {hole}".encode())
            self.send_response(reply.status)
            sent = {name.lower() for name in reply.headers}
            for name, value in reply.headers.items():
                if name.lower() not in ("content-length", "connection", "date", "server"):
                    self.send_header(name, value)
            if "content-type" not in sent:
                self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the call log is the log."""

    ThreadingHTTPServer.daemon_threads = True
    return ThreadingHTTPServer((host, port), Handler)


def _control(world: World, path: str) -> Reply:
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    with world.lock:
        world.clock.settle()
        match parts.path.removeprefix("/_sandbox/"):
            case "health":
                answer: Any = {"status": "ok", "seed": world.seed, "now": world.clock.now()}
            case "calls":
                answer = [
                    {"at": c.at, "name": c.name, "writes": c.writes, "error": c.error,
                     "accessKey": c.access_key}
                    for c in world.calls[int(query.get("from", ["0"])[0]) :]
                ]  # fmt: skip
            case "unsimulated":
                answer = world.unsimulated
            case "advance":
                world.clock.advance(timedelta(seconds=float(query["seconds"][0])))
                answer = {"now": world.clock.now()}
            case other:
                return Reply(404, {}, f"no /_sandbox/{other}".encode())
    body = json.dumps(answer, default=str).encode()
    return Reply(200, {"Content-Type": "application/json"}, body)
