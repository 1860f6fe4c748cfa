"""The face of Exchange 2000 to 2007 that clients of WebDAV and of Outlook Web Access see."""
