"""Recordings of real AWS replies: observed, imported, planned empty, and changed leaf by leaf.

    shapes      what botocore's models say of a reply, and where a file contradicts them
    recordings  the files, each sound or with a reason to be skipped (`skipped.yaml` lists those)
    worlds      what an AWS that shows a recording must hold besides
    replay      that AWS: it answers the handlers' own reads
    judge       observe, import, plan; and the same with one leaf changed
    leaves      what a change of each leaf must show (`leaves/<Kind>.yaml`)
    mutations   other values for one leaf
    figures     all of it over a directory of recordings

`python -m tests.fidelity` runs every change of every leaf; the tests here a seeded sample.
"""
