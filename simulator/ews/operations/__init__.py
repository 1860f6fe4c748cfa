"""What can be asked for, an operation or two a module."""
