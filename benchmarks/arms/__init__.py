"""The ways to answer that are compared; each makes the same HTTP requests."""
