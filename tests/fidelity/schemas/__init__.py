"""AWS's own schemas beside our field policies: `python -m tests.fidelity.schemas` prints the table.

Two sources say what AWS is like, field by field, and neither knows of us:
- botocore's models: members of the requests and replies, their types, words, bounds, patterns,
  which are needed, which are secret, and in words what holds if nothing is said;
- the resource-provider schemas of CloudFormation, which cfn-lint ships: what is read-only,
  write-only, create-only, spelt otherwise by AWS (`propertyTransform`), unordered.

    places.py    spec paths, and the types and policies that stand at them
    api.py       what botocore's models say of them (by way of tests/unit/members)
    provider.py  what the resource-provider schemas say of them
    sentences.py what the reference says in words; words.py: and how it was read (words/*.yaml)
    ours.py      what our models take, found out by trying
    compare.py   the comparisons: defaults.py, shown.py, spelling.py hold the longer ones
    reasons/     each disagreement and why it stands; one that is gone may not be listed any more

A disagreement is either mended here or has a reason there: AWS says it otherwise elsewhere, we say
it in other words, or we are stricter on purpose.
"""
