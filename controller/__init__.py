"""Plumbline's product code: it knows AWS and desired state, nothing of Lambda."""
