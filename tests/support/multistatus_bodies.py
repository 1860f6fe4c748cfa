"""Bodies of a multistatus as Exchange writes them, and the pieces that damage one."""

from hypothesis import strategies as st

from rsvpq.webdav.multistatus import Reader, Row

# As Exchange writes it: one line, prefixes in order of first use, declared in no order, status before prop.
NAMESPACES = (
    b'xmlns:f="http://schemas.microsoft.com/repl/" xmlns:d="http://schemas.microsoft.com/exchange/" '
    b'xmlns:b="urn:uuid:c2f41010-65b3-11d1-a29f-00aa00c14882/" xmlns:e="urn:schemas:httpmail:" xmlns:c="xml:" '
    b'xmlns:g="http://schemas.microsoft.com/mapi/id/{00062002-0000-0000-C000-000000000046}/" xmlns:a="DAV:"'
)
CLASS = b"IPM.Schedule.Meeting.Request"


def response(number: int, extra: bytes = b"", subject: bytes = b"Budget") -> bytes:
    """Return one row as it is on the wire."""
    return (
        b"<a:response><a:href>http://mail/exchange/adele/Inbox/%d.EML</a:href>"
        b"<a:propstat><a:status>HTTP/1.1 200 OK</a:status><a:prop>"
        b"<d:outlookmessageclass>" % number + CLASS + b"</d:outlookmessageclass>"
        b"<f:repl-uid>rid:%d</f:repl-uid><e:subject>" % number + subject + b"</e:subject>"
        b'<e:read b:dt="boolean">0</e:read>' + extra + b"</a:prop></a:propstat>"
        b"<a:propstat><a:status>HTTP/1.1 404 Resource Not Found</a:status><a:prop><a:comment/><g:0x8506/></a:prop>"
        b"</a:propstat></a:response>"
    )


def page(*responses: bytes) -> bytes:
    """Return a multistatus of these responses."""
    return b'<?xml version="1.0"?><a:multistatus ' + NAMESPACES + b">" + b"".join(responses) + b"</a:multistatus>"


def read(body: bytes) -> list[Row]:
    """The rows of a whole body that succeeded, in the server's order."""
    reader = Reader()
    rows = [row for row in reader.feed(body) if row.ok]
    reader.close()
    return rows


def row_of(inside: str) -> Row:
    """Return the row of a response with this content; D, M and C are the prefixes of DAV, httpmail and calendar."""
    declared = 'xmlns:D="DAV:" xmlns:M="urn:schemas:httpmail:" xmlns:C="urn:schemas:calendar:"'
    (row,) = read(f"<D:multistatus {declared}><D:response>{inside}</D:response></D:multistatus>".encode())
    return row


SHAPES = (page(), page(response(1), response(2)), page(response(3, b'<g:0x8218 b:dt="int">0</g:0x8218>')))
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        (
            b"<",
            b"&",
            b"&#1;",
            b"&#x",
            b";",
            b"]]>",
            b"<!--",
            b"<![CDATA[",
            b"</a:prop>",
            b"<a:href>",
            b"0x82 ",
            b"<0x1/>",
        )
    ),
    st.sampled_from(
        (b'<!DOCTYPE x [<!ENTITY e "x">]>', b"&e;", b'<?xml version="1.0" encoding="utf-16"?>', b"\xff\xfe", b"<?pi ?>")
    ),
)
