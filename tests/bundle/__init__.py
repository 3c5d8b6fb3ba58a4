"""The built bundle (`make bundle`): what it holds, and that it works with nothing else."""
