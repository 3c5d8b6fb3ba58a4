"""The roles' policies, evaluated as IAM does over the calls that are made: nothing denied, nothing
unused."""
