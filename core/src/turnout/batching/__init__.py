"""Merging the concurrent requests of a model into batches: rules, queue, schedule and rows; ``middleware`` has the threads."""
