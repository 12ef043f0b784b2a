"""What a service knows of a run, as files: labels with their scores, candidate mislabels, reports."""
