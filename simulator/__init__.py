"""A pretend Exchange 2003: WebDAV and Outlook Web Access over a made-up world of mailboxes.

It is the demo, the specification and the test partner of a client.  It knows nothing of any client and shares no code
with one, so that the two cannot agree on a mistake.  What is uncertain about the real server is decided in one place,
`simulator.behavior`; what really happened to every message is counted apart from the protocol, in `simulator.oracle`.
"""
