"""Exports of a run as files: labels with their scores, candidate mislabels, reports."""
