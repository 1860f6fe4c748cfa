"""Exchange Web Services of 2007 SP1 and later, over the same mailboxes as WebDAV."""
