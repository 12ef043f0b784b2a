"""Files in other formats to events: one module a format."""
