"""What a mailbox holds and offers, in no protocol's words."""
