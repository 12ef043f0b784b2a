"""The HTTP routes, in the embedded mode and in a cluster: uploads, declarations, deletions, questions, and the page."""
