"""ResolveNames, and ConvertId, which clients use to learn the version of a server."""

from simulator.ews.call import Call
from simulator.ews.ids import read_folder_id, read_item_id
from simulator.ews.properties.people import by_directory_name
from simulator.ews.properties.values import mailbox
from simulator.ews.soap import Element, M, RefusedError, Result, m, refused, response_message, t
from simulator.world.messages import Person

_MOST_NAMES = 100


def resolve_names(call: Call) -> Element:
    """Whom a name, an alias or an address means; several are a warning."""
    operation = call.envelope.operation
    entry = (operation.findtext(f"{M}UnresolvedEntry") or "").strip()
    return m("ResolveNamesResponse", m("ResponseMessages", response_message("ResolveNames", _resolved(call, entry))))


def convert_id(call: Call) -> Element:
    """The same ids again: they have one format here."""
    operation = call.envelope.operation
    wanted = operation.get("DestinationFormat", "EwsId")
    messages = []
    for element in operation.iterfind(f"{M}SourceIds/*"):
        try:
            reported = Result([_alternate(call, element, wanted)])
        except RefusedError as error:
            reported = refused(error)
        messages.append(response_message("ConvertId", reported))
    return m("ConvertIdResponse", m("ResponseMessages", messages))


def _resolved(call: Call, entry: str) -> Result:
    if call.caller.mailbox is None:
        return refused(RefusedError("ErrorNameResolutionNoMailbox"))
    if entry.casefold().startswith("/o="):
        person = by_directory_name(entry)
        found = [person] if person else []
    else:
        wanted = entry.casefold().removeprefix("smtp:")
        owners = [box.owner for box in call.world.mailboxes if _matches(box.name, box.owner, wanted)]
        found = owners[:_MOST_NAMES]
    if not found:
        return refused(RefusedError("ErrorNameResolutionNoResults", "No results were found."))
    resolutions = [t("Resolution", mailbox(person, person.address, named_only=False)) for person in found]
    for resolution in resolutions:
        resolution[0].append(t("MailboxType", "Mailbox"))
    facts = {"TotalItemsInView": str(len(found)), "IncludesLastItemInRange": "true"}
    content = [m("ResolutionSet", resolutions, **facts)]
    if len(found) == 1:
        return Result(content)
    return Result(content, "ErrorNameResolutionMultipleResults", "Multiple results were found.", {}, "Warning")


def _matches(alias: str, owner: Person, wanted: str) -> bool:
    names = (alias.partition("@")[0], owner.name, owner.address)
    return bool(wanted) and any(name.casefold().startswith(wanted) for name in names)


def _alternate(call: Call, element: Element, wanted: str) -> Element:
    text = element.get("Id", "")
    try:
        named = read_item_id(call.world, text)
    except RefusedError:
        named = read_folder_id(call.world, text)
    kind = "{http://www.w3.org/2001/XMLSchema-instance}type"
    # The mailbox that the id is of, whatever the client says: so DavMail learns whose mailbox it has opened.
    alternate = m("AlternateId", Format=wanted, Id=text, Mailbox=named.mailbox.owner.address)
    alternate.set(kind, "t:AlternateIdType")
    return alternate
