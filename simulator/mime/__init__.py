"""Messages and meetings as MIME and iCalendar text."""
