"""What a steady pass costs, against its budgets. `python -m tests.bench` prints the table."""
