"""The ways into a server: who knocks, with which proof, and what is said to whom has none."""
