"""What every HTTP service of evalstream shares: who may ask, and how errors are told."""
