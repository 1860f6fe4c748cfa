"""What a mailbox holds and offers, independent of any protocol."""
