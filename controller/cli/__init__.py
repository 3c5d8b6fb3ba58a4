"""The command line. Nothing else in `controller` imports it."""
