"""Everything in one process, around the embedded engine."""
