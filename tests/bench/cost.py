"""The control plane's monthly bill from its own counts: `python -m tests.bench --cost`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from tests.bench import simulation
from tests.bench.profile import Profile
from tests.bench.simulation import Outcome, Setting, Simulation

PAGE = Path("docs/explanation/cost.md")
TEMPLATE = Path(__file__).parents[2] / "template.yaml"
MONTH_S = 730 * 3600
TICKS = MONTH_S / 60

PRICES: dict[str, tuple[float, str]] = {
    "Lambda requests": (0.20 / 1e6, "https://aws.amazon.com/lambda/pricing/"),
    "Lambda GB-seconds, arm64": (0.0000133334, "https://aws.amazon.com/lambda/pricing/"),
    "SQS FIFO requests": (0.50 / 1e6, "https://aws.amazon.com/sqs/pricing/"),
    "S3 PUT, LIST": (0.005 / 1e3, "https://aws.amazon.com/s3/pricing/"),
    "S3 GET": (0.0004 / 1e3, "https://aws.amazon.com/s3/pricing/"),
    "KMS key": (1.0, "https://aws.amazon.com/kms/pricing/"),
    "KMS requests": (0.03 / 1e4, "https://aws.amazon.com/kms/pricing/"),
    "Metric series": (0.30, "https://aws.amazon.com/cloudwatch/pricing/"),
    "Log GB": (0.50, "https://aws.amazon.com/cloudwatch/pricing/"),
    "Alarms": (0.10, "https://aws.amazon.com/cloudwatch/pricing/"),
    "Dashboards": (3.0, "https://aws.amazon.com/cloudwatch/pricing/"),
    "X-Ray traces": (5.0 / 1e6, "https://aws.amazon.com/xray/pricing/"),
}
"""Item → US dollars each in us-east-1, without any free tier, and where AWS says so."""

SERIES_TIERS = ((10_000, 0.30), (240_000, 0.10), (750_000, 0.05))
"""Metric series a month: how many, at what price each."""

TICK_GB_S = 0.25 * 0.5
"""A tick: 256 MB for half a second at most."""

EMPTY_RECEIVES = 5 * MONTH_S / 20
"""Receives that Lambda makes of an idle queue: five pollers, each waiting twenty seconds.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

LISTED, KEYS_A_PAGE = 3, 1000
"""Lists that a tick makes of keys that each environment has, and how many come at once."""

KMS_REUSE_S = 300
"""SQS asks for a data key this often; S3's bucket keys make its own requests as rare.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""

SIZES = (Setting(1), Setting(10), Setting(1_000, accounts=20),
         Setting(10_000, accounts=200, workers=50))  # fmt: skip
EACH_MINUTE = Setting(10, interval_s=60)
ALL = (*SIZES, EACH_MINUTE)


@dataclass(frozen=True)
class Bill:
    """Items and how many of each, for one setting."""

    setting: Setting
    counts: Mapping[str, float]

    def price(self, item: str) -> float:
        """US dollars a month for one item."""
        count = self.counts[item]
        if item != "Metric series":
            return count * PRICES[item][0]
        total, left = 0.0, count
        for size, price in SERIES_TIERS:
            total, left = total + min(left, size) * price, max(0.0, left - size)
        return total

    @property
    def total(self) -> float:
        """US dollars a month."""
        return sum(self.price(item) for item in self.counts)


def bill(setting: Setting, profile: Profile) -> Bill:
    """A month at rest, as the simulation runs it."""
    out = Simulation(setting, profile).run()
    part = MONTH_S / out.seconds
    return Bill(setting, counts(out, profile, part))


def counts(out: Outcome, profile: Profile, part: float) -> dict[str, float]:
    """How many of each item. part: months in the simulated time, the other way round."""
    n, own = out.setting.environments, profile
    passes, batches = out.passes * part, out.batches * part
    pollers = out.setting.workers / 5 * EMPTY_RECEIVES
    text = TEMPLATE.read_text(encoding="utf-8")

    def state(kind: str) -> float:
        each = (TICKS * getattr(own.tick, kind), batches * getattr(own.batch, kind))
        return sum(each) + passes * getattr(own.each, kind)

    more_pages = TICKS * LISTED * (ceil(n / KEYS_A_PAGE) - 1)

    return {
        "Lambda requests": TICKS + batches,
        "Lambda GB-seconds, arm64": TICKS * TICK_GB_S + out.busy_s * part * 0.5,
        # one send, one receive and one delete for ten messages
        "SQS FIFO requests": 3 * batches + pollers,
        "S3 PUT, LIST": state("puts") + state("lists") + more_pages,
        "S3 GET": state("gets"),
        "KMS key": 1,
        "KMS requests": MONTH_S / KMS_REUSE_S * (2 + 2 * out.setting.workers),
        "Metric series": n * own.series + own.fleet_series,
        "Log GB": state("log_bytes") / 1e9,
        "Alarms": text.count("Type: AWS::CloudWatch::Alarm"),
        "Dashboards": text.count("Type: AWS::CloudWatch::Dashboard"),
        # the first of each second, and five in a hundred of the rest
        "X-Ray traces": min(TICKS + batches, MONTH_S) + max(0.0, TICKS + batches - MONTH_S) * 0.05,
    }


def table(profile: Profile, settings: Sequence[Setting] = ALL) -> str:
    """The bills side by side, in Markdown."""
    bills = [bill(setting, profile) for setting in settings]
    heads = [f"{b.setting.environments:,} × {b.setting.interval_s // 60} min" for b in bills]
    lines = [f"| a month | {' | '.join(heads)} |", "|---|" + "---:|" * len(bills)]
    for item in PRICES:
        cells = [f"{_count(b.counts[item])}: ${b.price(item):,.2f}" for b in bills]
        lines.append(f"| {item} | {' | '.join(cells)} |")
    totals = [f"**${b.total:,.2f}**" for b in bills]
    lines.append(f"| all of it | {' | '.join(totals)} |")
    each = [f"${b.total / b.setting.environments:,.2f}" for b in bills]
    lines.append(f"| for each environment | {' | '.join(each)} |")
    plain = [
        f"${(b.total - b.price('Metric series')) / b.setting.environments:,.2f}" for b in bills
    ]
    lines.append(f"| the same without metrics | {' | '.join(plain)} |")
    return "\n".join(lines)


def prices() -> str:
    """What each costs, and where AWS says so."""
    lines = ["| item | US dollars each | source |", "|---|---:|---|"]
    for item, (price, source) in PRICES.items():
        shown = f"{price:.10f}".rstrip("0").rstrip(".")
        lines.append(f"| {item} | {shown} | <{source}> |")
    return "\n".join(lines)


def _count(number: float) -> str:
    return f"{number:,.2f}" if number < 10 and number != int(number) else f"{number:,.0f}"


def tables(profile: Profile) -> dict[str, str]:
    """All of the page's, by name."""
    return {"cost": table(profile), "prices": prices(), "scale": simulation.table(profile)}


def with_tables(page: str, made: Mapping[str, str]) -> str:
    """The page with its tables, by the name in their marks, as they should be."""
    for name, text in made.items():
        before, _, rest = page.partition(f"<!-- {name}: begin -->")
        _, _, after = rest.partition(f"<!-- {name}: end -->")
        page = f"{before}<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->{after}"
    return page
