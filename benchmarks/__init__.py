"""What rsvpq costs beside other ways to do the same: ``python -m benchmarks``; see docs/performance.md."""
