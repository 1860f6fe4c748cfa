"""What really happened, and what can be turned while the servers run.  A client must never ask it."""
