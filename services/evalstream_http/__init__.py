"""Code that every HTTP service shares: authorisation, and errors."""
