"""Lambda entry points, thin: what a trigger means and what is told; the work is in `controller`."""
