"""Reading of stored runs for questions: the SQL that selects and counts, and the same rows as columns."""
