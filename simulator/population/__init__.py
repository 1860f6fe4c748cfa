"""The initial content of a run: invented mailboxes, mail and appointments."""
