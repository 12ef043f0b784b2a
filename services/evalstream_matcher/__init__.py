"""The matcher as a service of its own."""
