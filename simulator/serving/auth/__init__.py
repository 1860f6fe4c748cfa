"""Logins: who asks, with which proof, and what is answered to whoever has none."""
