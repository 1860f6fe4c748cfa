"""The properties of items, by FieldURI and by ExtendedFieldURI."""
