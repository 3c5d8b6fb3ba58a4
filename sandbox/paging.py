"""Pages: an order that stays the same from page to page, and tokens that name the last item."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TypeVar

from sandbox.errors import AwsError
from sandbox.registry import Context

T = TypeVar("T")


def steady_rank(ctx: Context, key: str) -> str:
    """A sort key for lists that AWS pages but does not order: another order in each world."""
    return hashlib.sha256(f"{ctx.world.seed}:{key}".encode()).hexdigest()


def page(
    ranked: Mapping[str, T],
    token: str | None,
    limit: int,
    refusal: AwsError,
    *,
    descending: bool = False,
) -> tuple[list[T], str | None]:
    """One page of the items, sorted by their rank, and the token for the next page, if any.

    The token holds the last rank, so that items made or deleted between two pages neither hide nor
    repeat others. `refusal` is raised for a token that this never gave out.
    """
    ranks = sorted(ranked, reverse=descending)
    if token is not None:
        try:
            last = base64.b64decode(token, altchars=b"-_", validate=True).decode()
        except ValueError:
            raise refusal from None
        ranks = [r for r in ranks if (r < last if descending else r > last)]
    chosen = ranks[:limit]
    more = len(ranks) > limit
    following = base64.urlsafe_b64encode(chosen[-1].encode()).decode() if more else None
    return [ranked[r] for r in chosen], following
