"""The numbered statements that make the tables."""
