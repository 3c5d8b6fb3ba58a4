"""True to AWS: no false drift, no missed drift, nothing accepted here that AWS refuses.

    cases/      a test both ways for every case of the case book
    refusals/   what AWS rejects, operation by operation
    corpus/     recordings of real AWS replies: observed, imported, planned, mutated
    estate/     resources that other tools made

`make fidelity` (`python -m tests.fidelity`) prints the figures.
"""
