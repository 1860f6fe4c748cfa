"""The mailboxes of this pretend Exchange, and what happens in them whichever protocol they are reached by."""
