"""Overlap of shapes: one module an annotation type."""
