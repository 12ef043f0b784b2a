"""A small workload made by real models: scenes of handwritten digits, and two runs that look for them."""
