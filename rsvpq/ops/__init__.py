"""Operator actions and queries on a running installation, shared by the command line and the tasks ``ops.*``.

Functions take and return plain, JSON-ready values. Each action is recorded in the audit with its operator.
"""

from rsvpq.ops.context import InvalidRequest, LedgerContext, OperatorContext, open_context, open_ledger

__all__ = ["InvalidRequest", "LedgerContext", "OperatorContext", "open_context", "open_ledger"]
