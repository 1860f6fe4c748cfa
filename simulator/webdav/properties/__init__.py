"""The properties of items and folders, by the names that clients ask for."""
