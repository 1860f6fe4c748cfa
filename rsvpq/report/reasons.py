"""Group reasons for counting: without the parts that differ each time, and no more groups than fit on a page."""

import re

#: The most distinct reasons; a report is for people.
MOST_REASONS = 200
OTHERS = "(other reasons)"

#: From the first path, quotation or address on, a reason is about one message; only an HTTP status after it is common.
_PARTICULAR = re.compile(r"""["'/]|https?:|(?<!\S)\S*@""")
#: "answered" stands in reasons that were recorded by earlier versions.
_STATUS = re.compile(r" (answered|returned) (\d{3})\b")
#: What Exchange Web Services say in its place.
_CODE = re.compile(r": (Error[A-Z]\w+)")
_NUMBER = re.compile(r"\b\d+(?:\.\d+)?\b")


def reason_class(text: str) -> str:
    """Return the part that a reason has in common with others of its kind.

    >>> reason_class("Transient: GET /exchange/adele/Inbox/Lunch.EML?Cmd=accept returned 500")
    'Transient: GET … returned 500'
    >>> reason_class("Unknown: CreateItem in adele@example.com: ErrorInternalServerError (The operation failed.)")
    'Unknown: CreateItem in …: ErrorInternalServerError'
    >>> reason_class("Busy: held for 31.5 s"), reason_class("")
    ('Busy: held for … s', 'no reason given')
    """
    particular = _PARTICULAR.search(text)
    common = text[: particular.start()] if particular else text
    common = _NUMBER.sub("…", common).strip()
    status, code = _STATUS.search(text), _CODE.search(text)
    if particular:
        common = f"{common} …".strip()
        if code and code[1] not in common:
            common = f"{common}: {code[1]}"
    if status and f"{status[1]} {status[2]}" not in common:
        common = f"{common.removesuffix(f' {status[1]} …')} {status[1]} {status[2]}"
    return common or "no reason given"
