"""What an operator may do to a running installation, said once for the command line and for the tasks ``ops.*``.

Everything takes and returns plain values that are ready for JSON; who did it goes into the audit with the doing.
"""

from rsvpq.ops.context import InvalidRequest, OperatorContext, open_context

__all__ = ["InvalidRequest", "OperatorContext", "open_context"]
