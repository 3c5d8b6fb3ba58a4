"""The door to an account that is only looked at; what it answers is kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import botocore.session

from controller.aws import Aws, NotPermitted
from controller.kinds import KINDS, handler_for
from tests.verify_real.redaction import Redactor

FOLDERS = {"cloudwatch": "monitoring"}
"""botocore's name of a service → that of its folder, as in tests/recorded."""


LISTS = {"cloudwatch:ListDashboards"}
"""What only finding out what there is reads, and no pass."""


class Recorder(Aws):
    """Makes the kinds' own reads and nothing else. replies: what AWS said, by call."""

    def __init__(self, session: botocore.session.Session, region: str, account: str) -> None:
        super().__init__(session, region=region, account=account)
        self.allowed = {call for kind in KINDS for call in handler_for(kind).reads} | LISTS
        self.replies: list[tuple[str, str, Any]] = []

    def _call(self, service: str, operation: str, params: dict[str, Any], by: Any = None) -> Any:
        call = f"{service}:{operation}"
        if call not in self.allowed:
            raise NotPermitted(f"{call}: a look reads nothing but what kinds declare")
        reply = super()._call(service, operation, params, by)
        self.replies.append((service, operation, reply))
        return reply

    def write_down(self, folder: Path) -> int:
        """The replies as `SERVICE/OPERATION/HASH.json`, redacted; equal ones once. How many."""
        redactor = Redactor(self.account)
        written = set()
        for service, operation, reply in self.replies:
            body = json.dumps(redactor.reply(service, operation, reply), indent=1, sort_keys=True)
            name = hashlib.sha256(body.encode()).hexdigest()[:10]
            path = folder / FOLDERS.get(service, service) / operation / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body + "\n", encoding="utf-8")
            written.add(path)
        return len(written)
