"""A smoke run against a real account (`make verify-real`): it reads, judges and records."""
