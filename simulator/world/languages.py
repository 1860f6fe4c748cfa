"""The well-known folders and what they are called in each language a mailbox can be in.

Exchange names them at the first logon, in the language of that client, and never again; English names are not reserved
on such a mailbox (evolution-exchange, docs/other-users).
"""

from enum import StrEnum


class Role(StrEnum):
    """A well-known folder, under the name of the `urn:schemas:httpmail:` property that holds its URL."""

    INBOX = "inbox"
    DRAFTS = "drafts"
    SENT_ITEMS = "sentitems"
    DELETED_ITEMS = "deleteditems"
    CALENDAR = "calendar"
    OUTBOX = "outbox"
    CONTACTS = "contacts"
    TASKS = "tasks"
    NOTES = "notes"
    JOURNAL = "journal"
    JUNK_EMAIL = "junkemail"


#: exchange:outlookfolderclass; every other folder holds notes.
FOLDER_CLASSES = {
    Role.CALENDAR: "IPF.Appointment",
    Role.CONTACTS: "IPF.Contact",
    Role.TASKS: "IPF.Task",
    Role.NOTES: "IPF.StickyNote",
    Role.JOURNAL: "IPF.Journal",
}

_ROLES = tuple(Role)


def _named(*names: str) -> dict[Role, str]:
    return dict(zip(_ROLES, names, strict=True))


FOLDER_NAMES: dict[str, dict[Role, str]] = {
    "en": _named(
        "Inbox",
        "Drafts",
        "Sent Items",
        "Deleted Items",
        "Calendar",
        "Outbox",
        "Contacts",
        "Tasks",
        "Notes",
        "Journal",
        "Junk E-mail",
    ),
    "de": _named(
        "Posteingang",
        "Entwürfe",
        "Gesendete Objekte",
        "Gelöschte Objekte",
        "Kalender",
        "Postausgang",
        "Kontakte",
        "Aufgaben",
        "Notizen",
        "Journal",
        "Junk-E-Mail",
    ),
    "hu": _named(
        "Beérkezett üzenetek",
        "Piszkozatok",
        "Elküldött elemek",
        "Törölt elemek",
        "Naptár",
        "Postázandó üzenetek",
        "Névjegyalbum",
        "Feladatok",
        "Feljegyzések",
        "Napló",
        "Levélszemét",
    ),
    "ja": _named(
        "受信トレイ",
        "下書き",
        "送信済みアイテム",
        "削除済みアイテム",
        "予定表",
        "送信トレイ",
        "連絡先",
        "仕事",
        "メモ",
        "履歴",
        "迷惑メール",
    ),
    "fr": _named(
        "Boîte de réception",
        "Brouillons",
        "Éléments envoyés",
        "Éléments supprimés",
        "Calendrier",
        "Boîte d'envoi",
        "Contacts",
        "Tâches",
        "Notes",
        "Journal",
        "Courrier indésirable",
    ),
    "es": _named(
        "Bandeja de entrada",
        "Borrador",
        "Elementos enviados",
        "Elementos eliminados",
        "Calendario",
        "Bandeja de salida",
        "Contactos",
        "Tareas",
        "Notas",
        "Diario",
        "Correo electrónico no deseado",
    ),
}

#: Where the owners of mailboxes in a language live.
ZONES = {
    "en": "America/New_York",
    "de": "Europe/Berlin",
    "hu": "Europe/Budapest",
    "ja": "Asia/Tokyo",
    "fr": "Europe/Paris",
    "es": "Europe/Madrid",
}
