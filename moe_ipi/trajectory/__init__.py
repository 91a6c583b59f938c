"""``moe-ipi trajectory``: i-PI's positions and the history of the assignment, joined into one extended xyz."""
