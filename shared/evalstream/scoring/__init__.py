"""What counts of a run, over columns in memory: which objects, which pairs, which detections."""
