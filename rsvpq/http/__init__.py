"""HTTP to one server with one account: connections, deadlines, TLS and logins, for any protocol on top of it."""
