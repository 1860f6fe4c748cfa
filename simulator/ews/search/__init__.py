"""FindItem: restrictions, sorting, pages and the view of a calendar."""
