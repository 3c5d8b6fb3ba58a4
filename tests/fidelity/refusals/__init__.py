"""What AWS rejects, operation by operation: the sandbox rejects it too, and where it can be known
from the file alone, `plumbline validate` does. One file per AWS service."""
