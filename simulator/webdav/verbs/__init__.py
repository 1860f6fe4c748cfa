"""The WebDAV verbs but SEARCH: one file for each, and for those that belong together."""
