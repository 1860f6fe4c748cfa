"""Check the settings and the files that they name: the list of mailboxes, and who can read the secrets."""

import stat

from rsvpq.doctor.results import Notes
from rsvpq.settings import ConfigError, LoadedSettings
from rsvpq.settings.mailboxes import ListedMailbox, read_mailboxes


def examine(loaded: LoadedSettings, notes: Notes) -> tuple[ListedMailbox, ...]:
    """Check the files.

    :returns: the mailboxes of the list; empty if it cannot be read.
    """
    notes.ok("file", f"{loaded.origins.file} can be read; to check its content: rsvpq config check")
    notes.ok("mode", loaded.settings.mode + (": nothing is answered" if loaded.settings.mode == "observe" else ""))
    path = loaded.settings.mailboxes
    mailboxes: tuple[ListedMailbox, ...] = ()
    try:
        mailboxes = read_mailboxes(path, loaded.settings)
    except ConfigError as error:
        notes.fail("mailboxes", str(error).splitlines()[0], "rsvpq config check shows all problems")
    else:
        if mailboxes:
            notes.ok("mailboxes", f"{len(mailboxes)} in {path}")
        else:
            notes.warn("mailboxes", f"none in {path}", "write one in each row")
    _secrets(loaded, notes)
    return mailboxes


def _secrets(loaded: LoadedSettings, notes: Notes) -> None:
    """Check the files with passwords: the password files, and the settings file if it contains a password."""
    for file in dict.fromkeys(file for _, file in loaded.secret_files()):
        try:
            mode = file.stat().st_mode
        except OSError as error:
            notes.fail("secrets", f"{file}: {error.strerror}", "it was readable a moment ago; find out what changes it")
            continue
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            done = "read" if mode & stat.S_IROTH else "changed"
            notes.fail("secrets", f"{file} can be {done} by everybody", f"chmod o-rw '{file}'")
        else:
            notes.ok("secrets", f"{file} is not open to others ({stat.filemode(mode)})")
