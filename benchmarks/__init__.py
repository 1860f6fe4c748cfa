"""Measure the cost of rsvpq against other ways to do the same: ``python -m benchmarks``; see docs/performance.md."""
