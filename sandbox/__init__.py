"""AWS in one process: what the demo, the tests and a newcomer without an account talk to.

Nothing here is part of the product: `controller` and `handlers` never import it, and no behaviour
imports `controller`. See `docs/explanation/sandbox.md` for its honesty rules.
"""
