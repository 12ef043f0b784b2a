"""How much two shapes overlap: one module an annotation type."""
