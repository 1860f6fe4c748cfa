"""One HTTP server and the account used on it: connections, deadlines, TLS and logins, for any protocol on top."""
