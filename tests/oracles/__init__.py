"""Slow, obvious implementations that the fast ones must agree with."""
