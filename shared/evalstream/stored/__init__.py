"""What questions read of stored runs: the SQL that selects and counts, and the same rows as columns."""
