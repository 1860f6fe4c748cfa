"""The backend for Exchange Web Services: Exchange 2007 SP1 to Exchange Server SE."""
