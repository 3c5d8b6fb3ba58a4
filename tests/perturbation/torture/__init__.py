"""Each accident at each place of a story: `make torture` (docs/explanation/torture.md)."""
