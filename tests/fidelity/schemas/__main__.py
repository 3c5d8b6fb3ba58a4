"""`python -m tests.fidelity.schemas [Kind …]`: agreements, disagreements and their reasons.

`--write` puts the models' sentences into `words/`, after botocore or cfn-lint changed.
"""

from __future__ import annotations

import sys
from collections import Counter

from controller.kinds import KINDS
from tests.fidelity.schemas import api, provider, shown, words
from tests.fidelity.schemas.compare import CHECKS, disagreements, verdicts
from tests.fidelity.schemas.reasons import idle, reason


def main(arguments: list[str]) -> int:
    """Print the table; 1 if a reason is missing or idle."""
    kinds = [a for a in arguments if not a.startswith("-")] or list(KINDS)
    if "--write" in arguments:
        for kind in kinds:
            words.write(kind)
        return 0
    missing = 0
    totals: Counter[str] = Counter()
    for kind in kinds:
        found, differing = verdicts(kind), disagreements(kind)
        print(f"\n{kind}: {len(found)} comparisons, {len(differing)} disagreements")
        for (at, differs), some in sorted(differing.items()):
            why = reason(kind, (at, differs))
            missing += not why
            more = f" (+{len(some) - 1})" if len(some) > 1 else ""
            print(f"  {at}: {differs}\n      by {some[0].source}{more}\n      {why or 'NO REASON'}")
        totals.update({"comparisons": len(found), "disagreements": len(differing)})
    print(f"\n{'':22}{'said':>7}{'agreed':>8}{'differ':>8}")
    for aspect in (*CHECKS, "samples", "shown"):
        every = [v for kind in kinds for v in verdicts(kind) if v.aspect == aspect]
        differ = sum(
            key[1].startswith(f"{aspect}: ") for kind in kinds for key in disagreements(kind)
        )
        agreed = sum(not v.differs for v in every)
        print(f"{aspect:22}{len(every):7}{agreed:8}{differ:8}")
    unused = idle()
    print(f"\n{totals['comparisons']} comparisons, {totals['disagreements']} disagreements, "
          f"{missing} without a reason, {len(unused)} idle reasons")  # fmt: skip
    counted = (
        ("members of requests", api.members),
        ("properties", provider.properties),
        ("read-only members of replies", shown.output_only),
    )
    print(", ".join(f"{sum(len(of(k)) for k in kinds)} {what}" for what, of in counted))
    print(*unused, sep="\n")
    return 1 if missing or unused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
