"""Outlook Web Access, for a browser and for programs that act as one."""
