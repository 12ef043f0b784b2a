"""The questions that a run can be asked: one module a question, one way to select and match for all."""
