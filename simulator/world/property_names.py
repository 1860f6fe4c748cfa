"""The names of those properties that the store keeps beside what a message is made of.

A name is a namespace URI and a local name written together (`urn:schemas:calendar:uid`), as the Exchange store of 2000
and 2003 has it in its own schema.  Most are a matter of who asks; here are those that things happen to.
"""

MAPI = "http://schemas.microsoft.com/mapi/"
PROPTAG = MAPI + "proptag/"
MAPI_ID = MAPI + "id/"
HTTPMAIL = "urn:schemas:httpmail:"
MAILHEADER = "urn:schemas:mailheader:"
CALENDAR = "urn:schemas:calendar:"

#: PR_MESSAGE_PROCESSED, DavMail's "already handled" marker.
PROCESSED = PROPTAG + "x65e8000b"
MEETING_SET = MAPI_ID + "{6ed8da90-450b-101b-98da-00aa003f1305}/"
#: PidLidGlobalObjectId and PidLidCleanGlobalObjectId, which tie request, appointment and response together.
GLOBAL_OBJECT_IDS = (MEETING_SET + "0x3", MEETING_SET + "0x23")
