"""What other people run. Nothing in here imports anything of Plumbline's, or knows of it."""
