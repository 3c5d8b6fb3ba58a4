"""Small faults put into the files that decide, one at a time: `python -m tests.mutation`."""
