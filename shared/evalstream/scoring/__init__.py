"""Counting over columns in memory: objects, pairs, detections."""
