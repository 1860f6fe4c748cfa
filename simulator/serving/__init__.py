"""HTTP servers: connections, TLS, logins, faults, and what is counted on the way.  Knows no protocol above HTTP."""
