"""Counts to scores, curves and averages: pure arithmetic on arrays."""
