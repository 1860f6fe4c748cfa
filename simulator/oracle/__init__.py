"""The oracle: what happened, and switches to change while the servers run. A client must never ask it."""
