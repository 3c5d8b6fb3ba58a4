"""What several kinds share, so that kinds need not import each other."""
