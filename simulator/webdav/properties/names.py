"""The namespaces of properties, and the one spelling that each property is kept under.

A property name is a namespace URI and a local name written together, as in SQL: `urn:schemas:calendar:uid`.
"""

import re
from functools import lru_cache

from simulator.world.property_names import MAPI, MAPI_ID, MEETING_SET, PROPTAG

DAV = "DAV:"
EXCHANGE = "http://schemas.microsoft.com/exchange/"
REPL = "http://schemas.microsoft.com/repl/"
#: PS_INTERNET_HEADERS: the same headers by name (MS-OXPROPS 1.3.2).
INTERNET_HEADERS = MAPI + "string/{00020386-0000-0000-c000-000000000046}/"

#: The namespace of `b:dt`.
TYPES = "urn:uuid:c2f41010-65b3-11d1-a29f-00aa00c14882/"
#: The namespace that Exchange gives to the `<c:v>` of a multi-valued property; not the one XML reserves.
MULTI_VALUES = "xml:"

_ENCODED_DIGIT = re.compile("_x003([0-9])_")
#: The number of a named property: hexadecimal with any zeros before it, or decimal.
_NUMBER = re.compile("0x0*([0-9a-f]{1,8})|([0-9]{1,10})")

_APPOINTMENT_SET = MAPI_ID + "{00062002-0000-0000-c000-000000000046}/"
#: PidLidAppointmentCounterProposal, by its alias and by its number.
COUNTER_PROPOSAL, COUNTER_PROPOSAL_ID = MAPI + "apptcounterproposal", _APPOINTMENT_SET + "0x8257"
#: PidLidMeetingType, which has no alias.
MEETING_TYPE = MEETING_SET + "0x26"

#: Outside its own namespaces a name is taken as it is; in these, case never matters to MAPI.
_CASELESS = (PROPTAG, MAPI_ID)


@lru_cache(maxsize=2048)
def split_name(name: str) -> tuple[str, str]:
    """Return namespace and local name, split after the last `/`, `#` or `:`."""
    cut = max(name.rfind("/"), name.rfind("#"), name.rfind(":")) + 1
    return name[:cut], name[cut:]


@lru_cache(maxsize=2048)
def canonical(name: str) -> str:
    """Return the spelling under which values are stored: one for all ways to write the same property."""
    namespace, local = split_name(name)
    # An XML name must not begin with a digit, so clients encode the 0 of `0x8570` (KB and DavMail: `_x0030_x8570`).
    if digit := _ENCODED_DIGIT.match(local):
        local = digit[1] + local[digit.end() :]
    if not namespace.casefold().startswith(_CASELESS):
        return namespace + local
    local = local.casefold()
    if namespace.casefold().startswith(MAPI_ID):
        # DavMail asks for 32900 and writes `_x0030_x8084`, or asks for 0x8105 and writes 0x00008105: one property each.
        number = _NUMBER.fullmatch(local)
        local = f"0x{int(number[1], 16) if number[1] else int(number[2]):x}" if number else local
    elif namespace.casefold() == PROPTAG:
        # 001e is the same string in 8-bit letters as 001f in Unicode.
        local = local.removeprefix("0") if local.startswith("0x") else local
        local = local[:-4] + "001f" if local.endswith("001e") else local
    return namespace.casefold() + local
