"""Objects of a data row: one module an annotation type, the answers to questions in one."""
