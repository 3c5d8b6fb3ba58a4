"""Replies of AWS without what tells whose they are, so that they still fit each other.

Every word that is not AWS's own is replaced, by the same one wherever it stands: names, ids, host
names, values. AWS's own words are those of its models and of the forms of its ARNs. What may hold a
secret (values and commands of containers) keeps no word at all. Addresses become those that are
kept for documentation (RFC 5737, RFC 3849). Which word stands for which is forgotten with the run.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from botocore.model import Shape
from policy_sentry.shared.iam_data import get_service_prefix_data

from controller.kinds import KINDS, handler_for
from tests.fidelity.corpus.recordings import OURS
from tests.fidelity.corpus.shapes import model, output_shape
from tests.permissions import PREFIXES

OWNERSHIP = "plumbline:"
ACCOUNT = "123456789012"
"""Stands for the account itself."""

KEPT = frozenset({
    "AllowedValues", "ApplyMethod", "ApplyType", "AuthTokenStatus", "CACertificateIdentifier",
    "CacheClusterStatus", "CacheNodeStatus", "CacheNodeType", "CacheParameterGroupFamily",
    "ChangeType", "CharacterSetName", "ClusterMode", "DBInstanceClass", "DBInstanceStatus",
    "DBParameterGroupFamily", "DataType", "Engine", "EngineVersion",
    "EvaluateLowSampleCountPercentile", "ExtendedStatistic", "LicenseModel",
    "MinimumEngineVersion", "NetworkType", "ParameterApplyStatus", "ParameterName",
    "PreferredBackupWindow", "PreferredMaintenanceWindow", "SnapshotWindow", "Source", "Status",
    "StorageType", "SubnetGroupStatus", "SubnetStatus", "TreatMissingData", "cpu", "memory",
    "platformFamily", "platformVersion", "status",
})  # fmt: skip
"""Members whose texts are AWS's own."""
SILENT = frozenset({
    "command", "entryPoint", "environment", "dockerLabels", "HistogramBins", "ParameterValue",
    "SearchString", "secretOptions",
})  # fmt: skip
"""Members below which no word is kept, in case it is a secret; but numbers of a few digits are not
what a secret is made of, and what a parameter's type allows is a number or a word of AWS's."""
DROPPED = frozenset({"Marker", "NextMarker", "NextToken", "ResponseMetadata", "nextToken"})
WHOLE = frozenset({"CMD", "CMD-SHELL", "NONE"})
"""Texts that mean something to ECS, wherever they stand."""

REFERRED = (
    "acm", "ec2", "elasticloadbalancing", "events", "firehose", "iam", "kinesis", "kms", "lambda",
    "s3", "servicediscovery", "sns", "sqs", "ssm",
)  # fmt: skip
"""Other services whose ARNs stand in replies."""
_KNOWN = """
    access acl af alarm alb amazonaws any ap app arn at autoscaling aws balancer bucket ca
    capacity central cloudwatch cn com count cpu create cron database day days default dkr east
    ecr ecs elb engine eni environment eu fargate fri func gov group groups high hour hours http
    https iam id identifier igw il internet ipset log logs low managed max me memory metrics min
    minute minutes mode mon mx name net network nlb north northeast northwest number percent
    plumbline policy postgres postgresql prefix primary private public rate read redis region
    request requests resource response role rule rules sa sat scheduled service sg size slow
    south southeast southwest spot ssl stream string subnet sun sw target tcp thu time tls
    tracking tue type udp us usage use user utilization valkey value vpc waf wed west yaml
"""
_WORD = re.compile(r"[A-Za-z0-9]+")
_OWN = re.compile(
    r"(aws|amazon)\w*|(postgres|mysql|mariadb|redis|valkey|aurora|oracle|sqlserver)[a-z0-9]*"
    r"|\d{1,5}|p\d{1,2}|\d[a-f]|[a-z]\d?|v\d+",
    re.I,
)
_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)|\bip(?:-\d{1,3}){4}\b"
    r"|(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])",
    re.I,
)
"""IPv4, the host names that EC2 makes of it, and IPv6."""


def _ours(tag: Any) -> bool:
    """Whether it is a tag of Plumbline's: who manages what is no matter of AWS's."""
    return isinstance(tag, str) and tag.startswith(OWNERSHIP)


@cache
def vocabulary() -> frozenset[str]:
    """AWS's own words, in small letters: of its enumerations, its ARNs and our kinds."""
    texts = [_KNOWN, *KINDS, *OURS, *(h.replace("-", " ") for h in OURS)]
    for service in OURS:
        described = model(service)
        for name in described.shape_names:
            texts += getattr(described.shape_for(name), "enum", ())
    for service in (*OURS, *REFERRED):
        prefix = PREFIXES.get(service, service)
        forms = get_service_prefix_data(prefix).get("resources", {}).values()
        texts += [re.sub(r"\$\{\w+\}", " ", each["arn"]) for each in forms]
    for kind in KINDS:
        texts += [call.partition(":")[0] for call in handler_for(kind).reads]
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


class Redactor:
    """One run's words. account: the one that is looked at."""

    def __init__(self, account: str) -> None:
        self._key = secrets.token_bytes(32)
        self._words = {account: ACCOUNT}
        self._taken = {ACCOUNT}
        self._addresses: dict[str, str] = {}

    def reply(self, service: str, operation: str, reply: Any) -> Any:
        """A reply as it may be shown to others, as JSON holds it."""
        shape = output_shape(service, operation)
        assert shape is not None
        return self._value(shape, reply, "", silent=False)

    def _value(self, shape: Shape, value: Any, member: str, *, silent: bool) -> Any:
        silent = silent or member in SILENT
        if isinstance(value, dict):
            members = getattr(shape, "members", None)
            if members is None:
                return {
                    self.text(key): self._value(shape.value, each, "", silent=silent)
                    for key, each in value.items()
                    if not _ours(key)
                }
            return {
                name: self._value(members[name], each, name, silent=silent)
                for name, each in value.items()
                if name in members and name not in DROPPED
            }
        if isinstance(value, list):
            kept = [
                v for v in value if not (isinstance(v, dict) and _ours(v.get("Key", v.get("key"))))
            ]
            return [self._value(shape.member, each, member, silent=silent) for each in kept]
        if isinstance(value, datetime):
            parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return {"__class__": "datetime", **{p: getattr(value, p) for p in parts}}
        if isinstance(value, bytes):
            text = self.text(value.decode("utf-8", "replace"), silent=True)
            return base64.b64encode(text.encode()).decode()
        if not isinstance(value, str) or member in KEPT or value in getattr(shape, "enum", ()):
            return value
        return self.text(value, silent=silent and member != "name")

    def text(self, value: str, *, silent: bool = False) -> str:
        """A text with words of its own. silent: none of AWS's words is kept either."""
        if value in WHOLE:
            return value
        parts, at = [], 0
        for match in _ADDRESS.finditer(value):
            if (address := self._address(match[0])) is not None:
                parts += [self._plain(value[at : match.start()], silent), address]
                at = match.end()
        return "".join([*parts, self._plain(value[at:], silent)])

    def _plain(self, value: str, silent: bool) -> str:
        return _WORD.sub(lambda match: self._word(match[0], silent), value)

    def _word(self, word: str, silent: bool) -> str:
        if self._own(word, silent):
            return word
        if word not in self._words:
            new = next(new for new in self._candidates(word) if new not in self._taken)
            self._words[word] = new
            self._taken.add(new)
        return self._words[word]

    def _own(self, word: str, silent: bool) -> bool:
        if silent:
            return word.isdigit() and len(word) <= 5
        return bool(_OWN.fullmatch(word)) or word.lower() in vocabulary()

    def _candidates(self, word: str) -> Iterator[str]:
        """Words of the same sort and length: digits, hexadecimal, letters."""
        length = max(len(word), 4)
        for number in range(100_000):
            made = hmac.new(self._key, f"{number}/{word}".encode(), hashlib.sha512).hexdigest()
            if word.isdigit():
                yield str(int(made, 16))[:length]
            elif re.fullmatch(r"[0-9a-f]{8,}", word):
                yield (made * 2)[:length]
            else:
                letters = made.translate(str.maketrans("0123456789", "ghijkmnpqr"))
                yield letters[:length].title() if word[0].isupper() else letters[:length]

    def _address(self, text: str) -> str | None:
        named = text.lower().startswith("ip-")
        plain = text[3:].replace("-", ".") if named else text
        try:
            version = ipaddress.ip_address(plain).version
        except ValueError:
            return None
        if plain in ("0.0.0.0", "::"):
            return text
        number = len(self._addresses) + 1
        new = f"192.0.2.{number % 256}" if version == 4 else f"2001:db8::{number:x}"
        new = self._addresses.setdefault(plain, new)
        return f"ip-{new.replace('.', '-')}" if named else new
