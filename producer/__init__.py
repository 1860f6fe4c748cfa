"""The side that finds work: scans mailboxes, and releases what may run."""
