"""What a run begins with: mailboxes, mail and appointments, all made up."""
