"""What a request of this face is about, before anybody has been let in: for meters, faults and what others do."""

from collections.abc import Set
from dataclasses import dataclass

from simulator.ews.behavior import EwsBehavior
from simulator.ews.call import mailbox_by_address
from simulator.ews.ids import named_item, read_folder_id, read_item_id
from simulator.ews.operations.answering import RESPONSE_OBJECTS
from simulator.ews.soap import Element, Envelope, M, RefusedError, T, local_name
from simulator.serving.by_others import others_can
from simulator.serving.faults import FaultKind, Step
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.state import World

_STEPS = {step.value: step for step in Step}
_OF_ALL = frozenset(
    {
        FaultKind.SERVER_BUSY,
        FaultKind.ERROR_CODE,
        FaultKind.TIMEOUT_AFTER,
        FaultKind.ERROR_PAGE,
        FaultKind.ERROR_PAGE_AFTER,
    }
)
_CHANGING = frozenset({"CreateItem", "UpdateItem", "MoveItem", "CopyItem", "DeleteItem"})


@dataclass(frozen=True, slots=True)
class Subject:
    """The mailbox and the item that a request names; None where it names none."""

    mailbox: Mailbox | None = None
    item: Item | None = None


def subject_of(world: World, server: int, envelope: Envelope, behavior: EwsBehavior) -> Subject:
    """What a request is about, whether or not the client has any right to it."""
    item, mailbox = _named(world, envelope.operation, behavior)
    if envelope.impersonated is not None:
        mailbox = impersonated(world, server, envelope.impersonated)
    elif (address := envelope.operation.find(f".//{T}DistinguishedFolderId/{T}Mailbox/{T}EmailAddress")) is not None:
        mailbox = mailbox_by_address(world, server, address.text or "")
    return Subject(mailbox, item)


def impersonated(world: World, server: int, sid: tuple[str, str]) -> Mailbox | None:
    """The mailbox of this server that a ConnectingSID names by address or by principal name."""
    kind, text = sid
    if kind == "PrincipalName":
        return world.mailbox(server, text) or world.mailbox(server, text.partition("@")[0])
    return mailbox_by_address(world, server, text) if kind in {"PrimarySmtpAddress", "SmtpAddress"} else None


def step_of(envelope: Envelope) -> Step | None:
    """What the client is about; None for operations that only `any` covers."""
    return _STEPS.get(envelope.name.casefold())


def is_mutating(envelope: Envelope) -> bool:
    """Whether a request is one that changes something."""
    return envelope.name in _CHANGING


def possible_faults(envelope: Envelope, subject: Subject) -> Set[FaultKind]:
    """The faults that can strike this request and not every one."""
    possible = {*others_can(subject.mailbox, subject.item), *_OF_ALL}
    if envelope.impersonated is not None:
        possible.add(FaultKind.IMPERSONATION_DENIED)
    items = envelope.operation.find(f"{M}Items")
    if envelope.name == "CreateItem" and items is not None and any(map(_is_response_object, items)):
        possible.add(FaultKind.HALF_DONE)
    return possible


def _is_response_object(element: Element) -> bool:
    return local_name(element) in RESPONSE_OBJECTS


def _named(world: World, operation: Element, behavior: EwsBehavior) -> tuple[Item | None, Mailbox | None]:
    """What the first id in an operation names; a folder only for its mailbox."""
    element = next(operation.iter(f"{T}ItemId", f"{T}ReferenceItemId", f"{T}FolderId"), None)
    if element is None:
        return None, None
    try:
        if local_name(element) == "FolderId":
            return None, read_folder_id(world, element.get("Id", "")).mailbox
        named = read_item_id(world, element.get("Id", ""))
    except RefusedError:
        return None, None
    return named_item(named, kept=behavior.ews_ids_on_move == "kept"), named.mailbox
