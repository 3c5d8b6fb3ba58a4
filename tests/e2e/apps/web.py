"""What the application finds on the network besides its database and cache: AWS's own interfaces
under their own names, a task role's credentials, and the provider of models."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.server import serve
from sandbox.world import World
from tests.e2e.apps.authority import Authority
from tests.e2e.apps.isolated import CREDENTIALS, resolve

AWS, PROVIDER = "127.0.0.13", "127.0.0.14"
TASK_ROLE = "ASIATASKROLE"
"""The access key by which calls of the task role are known."""


class Server:
    """A server in threads of this process, until `close`."""

    def __init__(
        self, server: ThreadingHTTPServer, authority: Authority | None = None, *names: str
    ) -> None:
        self._server = server
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.issue(*names))
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
            resolve({n: str(server.server_address[0]) for n in names})
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def aws(world: World, authority: Authority, bucket: str) -> Server:
    """The sandbox as the application reaches it: S3 by HTTPS, under the bucket's name."""
    names = [f"{prefix}s3{zone}.amazonaws.com" for prefix in ("", f"{bucket}.")
             for zone in ("", f".{world.region}")]  # fmt: skip
    return Server(serve(world, 443, AWS), authority, *names)


def credentials() -> Server:
    """What ECS answers at AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """

    def answer(_: BaseHTTPRequestHandler, __: bytes) -> tuple[int, Any]:
        return 200, {
            "AccessKeyId": TASK_ROLE,
            "SecretAccessKey": "sandbox",
            "Token": "sandbox",
            "Expiration": f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
            "RoleArn": "arn:aws:iam::123456789012:role/task",
        }

    return Server(_json_server((CREDENTIALS, 80), answer))


class Provider:
    """Azure OpenAI, as far as a gateway notices. It is strict: with a wrong key it answers 401, to
    a parameter that it does not know 400, as Azure does. `asked` is all that it was asked.

    https://learn.microsoft.com/azure/ai-services/openai/reference
    """

    KNOWN = frozenset({
        "model", "messages", "stream", "stream_options", "temperature", "max_tokens", "user",
    })  # fmt: skip
    """The parameters that it takes: a small model's."""

    def __init__(self, authority: Authority, host: str, key: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failing: set[str] = set()
        self._key = key
        self._server = Server(_json_server((PROVIDER, 443), self._answer), authority, host)
        self.close = self._server.close

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
        given = json.loads(body)
        if request.headers.get("api-key") != self._key:
            return 401, {"error": {"code": "401", "message": "Access denied: wrong key."}}
        self.asked.append({"path": request.path, **given})
        if self.failing & set(request.path.split("/")):
            return 503, {"error": {"code": "503", "message": "The service is busy."}}
        unknown = sorted(set(given) - self.KNOWN)
        if unknown:
            return 400, {"error": {"message": f"Unrecognized request argument: {unknown[0]}"}}
        text = f"answer {len(self.asked)}"
        about = {"id": f"chatcmpl-{len(self.asked)}", "created": 1, "model": "gpt-4o-2024-11-20"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        if not given.get("stream"):
            choice = {"index": 0, "finish_reason": "stop",
                      "message": {"role": "assistant", "content": text}}  # fmt: skip
            return 200, {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
        parts: list[dict[str, Any]] = [
            {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            for word in text.split(" ")
        ]
        parts.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        chunk = {**about, "object": "chat.completion.chunk"}
        return 200, [
            *({**chunk, "choices": [part]} for part in parts),
            {**chunk, "choices": [], "usage": usage},
        ]


def _json_server(
    address: tuple[str, int], answer: Callable[[BaseHTTPRequestHandler, bytes], tuple[int, Any]]
) -> ThreadingHTTPServer:
    """Answers all requests with JSON; a list as server-sent events."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, found = answer(self, body)
            events = isinstance(found, list)
            said = (
                "".join(f"data: {json.dumps(each)}\n\n" for each in found) + "data: [DONE]\n\n"
                if events
                else json.dumps(found)
            ).encode()
            self.send_response(status)
            kind = "text/event-stream" if events else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _reply

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    ThreadingHTTPServer.daemon_threads = True
    return ThreadingHTTPServer(address, Handler)
