"""The backend for Exchange 2000 to 2007, by WebDAV and Outlook Web Access."""
