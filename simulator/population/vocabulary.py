"""The words the population is made of: people, subjects, places, and the traps in their spelling."""

GIVEN_NAMES = (
    "Adele",
    "Bertalan",
    "Chloé",
    "Dóra",
    "Erik",
    "Françoise",
    "Günther",
    "Hanako",
    "Inês",
    "Jürgen",
    "Katalin",
    "Łukasz",
    "Müge",
    "Nora",
    "Øyvind",
    "Patrick",
)
FAMILY_NAMES = (
    "Vance",
    "O'Brien",
    "Farkas",
    "Müller",
    "d'Arcy",
    "Szabó",
    "Ibáñez",
    "Tanaka",
    "Nuñez",
    "Weiß",
    "Lefèvre",
    "Ångström",
)
#: Japanese full names, family first; a mailbox can be named in any script.
JAPANESE_NAMES = ("山田太郎", "佐藤花子", "鈴木一郎", "高橋美咲")

#: Every character that one of the layers escapes, quotes or cuts at: store names, URLs, XML, SQL, MIME headers.
SUBJECTS = (
    "Budget review",
    "12/24",
    "Ready?",
    "Issue #42",
    "100% done",
    "C++ workshop + demo",
    "R&D sync",
    'The "big" picture',
    "Kate's farewell",
    "Projekt Übergabe & Größe",
    "Költségvetés: őszi egyeztetés",
    "月次会議",
    "Réunion d'équipe",
    "",
    "a <b> & </c>",
    r"\\share\minutes",
    "Tilde ~ and semicolon; comma, too",
    "Already%20escaped",
    "Standup",
    "1:1",
    "Accepted: by the board",
    "Inbox cleanup",
    "[Draft] roadmap {v2}",
    "_x003F_ is not a question",
)

LOCATIONS = ("Room 1", "Konferenzraum Süd", "会議室A", "", "Main Street 4, 2nd floor", "Skype; ask Nora")

EXTERNAL_DOMAINS = ("partner.example.net", "customer.example.org")

RECURRENCES = ("FREQ=WEEKLY;BYDAY=MO", "FREQ=DAILY;COUNT=5", "FREQ=MONTHLY;BYMONTHDAY=1")
