"""The side that does the work: answers requests, opens responses."""
