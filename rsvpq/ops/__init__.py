"""Operator actions and queries on a running installation, shared by the command line and the tasks ``ops.*``.

Functions take and return plain, JSON-ready values. Each action is recorded in the audit with its operator.
"""

from rsvpq.ops.context import InvalidRequest, OperatorContext, open_context

__all__ = ["InvalidRequest", "OperatorContext", "open_context"]
