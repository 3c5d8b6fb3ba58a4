"""What AWS does, one file per service, written from AWS's pages and the case book.

Not from Plumbline's handlers: nothing here imports `controller`.
"""
