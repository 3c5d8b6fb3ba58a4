"""Cases that somebody wrote from AWS's documentation alone, without sight of policies or tests.

    cases    the file's format, and what of a case contradicts botocore's model
    served   from a case's replies to the AWS that gives them
    judge    imported? quiet about AWS's echo? exact about a real change?

`python -m tests.fidelity.blind FILE` judges a file; the README says how ours came to be.
"""
