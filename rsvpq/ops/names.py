"""Refuse a name that a filter could never match: a typing error would look like a quiet night."""

from collections.abc import Callable

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.settings import ConfigError, did_you_mean


def _nowhere() -> bool:
    return False


def require_server(context: OperatorContext, name: str, recorded: Callable[[], bool] = _nowhere) -> None:
    """Require a server of the settings, of the ledger, or of the records that are asked for; '' is any.

    :param recorded: whether these have it, as they may have one that has left the settings; asked last.
    :raises InvalidRequest: nobody knows it.
    """
    if not name:
        return
    known = {*context.settings.servers, *context.lanes.snapshot.servers()}
    if name not in known and not recorded():
        raise InvalidRequest(f"no server {name!r}; {did_you_mean(name, known)}")


def require_group(context: OperatorContext, name: str) -> None:
    """Require a group of the list, or one that is paused; '' is any.

    :raises ConfigError: there is no such group.
    """
    if name:
        context.resolve_name("group", name)


def require_mailbox(context: OperatorContext, name: str, recorded: Callable[[], bool] = _nowhere) -> None:
    """Require a mailbox of the list, of the ledger, or of the records that are asked for; '' is any.

    :param recorded: as for :func:`require_server`. :raises ConfigError: nobody knows it.
    """
    if not name:
        return
    try:
        context.resolve_name("mailbox", name)
    except ConfigError:
        if not recorded():
            raise


def require_audited(context: OperatorContext, *, server: str = "", mailbox: str = "") -> None:
    """Require names of which the audit may have records.

    :raises InvalidRequest, ConfigError: nobody knows one of them, and no record has it.
    """

    def recorded(field: str, name: str) -> bool:
        wanted = Filter.of(context.audit.redaction, {field: name})
        return bool(AuditLog(context.lanes).newest(wanted, 1))

    require_server(context, server, lambda: recorded("server", server))
    require_mailbox(context, mailbox, lambda: recorded("mailbox", mailbox))
