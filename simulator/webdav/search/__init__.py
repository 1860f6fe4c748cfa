"""SEARCH: the SQL, what it finds, and which of the rows are answered."""
