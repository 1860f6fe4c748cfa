"""What every backend promises, and the server that each of them is asked it in front of."""
