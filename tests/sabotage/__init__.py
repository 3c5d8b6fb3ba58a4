"""Each invariant broken on purpose, to see that its test notices: `python -m tests.sabotage`."""
