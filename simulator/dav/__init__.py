"""The WebDAV verbs: one file for each, and the table that finds them."""
