"""The 207 answers: rows of properties, what became of several things, and the habits of a server in writing them."""
