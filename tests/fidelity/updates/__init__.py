"""What a change of each field takes: `docs/reference/updates.md`, found out from the handlers.

moves.py     each field of the rich manifests, moved to other values in every direction there is
values.py    what to move it to, where one more or one letter more is not legal
outcomes.py  what the diff and the handler's own plan make of each move
page.py      the page
"""
