"""The draft that answers a meeting request: what it is called, what else lies beside it, and when it appears."""

from dataclasses import dataclass, replace

from simulator.world import names
from simulator.world.behavior import StoreBehavior
from simulator.world.delayed_effects import plan
from simulator.world.languages import Role
from simulator.world.mailboxes import Item
from simulator.world.messages import Message
from simulator.world.property_names import CALENDAR, GLOBAL_OBJECT_IDS, HTTPMAIL, MAILHEADER, PROPTAG
from simulator.world.state import World
from simulator.world.tally import Action

#: What goes before the subject, by the language of the mailbox and the English word.
_LOCALIZED = {
    "de": {"Accepted: ": "Zugesagt: ", "Declined: ": "Abgelehnt: ", "Tentative: ": "Mit Vorbehalt: "},
    "fr": {"Accepted: ": "Accepté : ", "Declined: ": "Refusé : ", "Tentative: ": "Provisoire : "},
    "es": {"Accepted: ": "Aceptada: ", "Declined: ": "Rechazada: ", "Tentative: ": "Provisional: "},
    "hu": {"Accepted: ": "Elfogadva: ", "Declined: ": "Visszautasítva: ", "Tentative: ": "Feltételes: "},
    "ja": {"Accepted: ": "承諾: ", "Declined: ": "辞退: ", "Tentative: ": "仮の予定: "},
}
#: The names of a subject.
_SUBJECTS = (
    HTTPMAIL + "subject",
    HTTPMAIL + "normalizedsubject",
    MAILHEADER + "subject",
    PROPTAG + "x0037001f",
    PROPTAG + "x0e1d001f",
)
#: The stale draft answers a meeting that nobody else knows.
_STALE_UID_END = "57A1E"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that is to be, and the request it answers."""

    request: Item
    response: Message
    subject_prefix: str

    def appear(self, world: World, behavior: StoreBehavior) -> Item | None:
        """Put the draft into Drafts, now or later; None unless it is there now."""
        if behavior.draft == "none":
            return None
        if behavior.draft_delay_ms or behavior.draft_delay_requests:
            ms, requests = behavior.draft_delay_ms, behavior.draft_delay_requests
            plan(self.request.mailbox, lambda: self._put(world, behavior), ms=ms, requests=requests)
            return None
        return self._put(world, behavior)

    def _put(self, world: World, behavior: StoreBehavior) -> Item:
        drafts = self.request.mailbox.folders[Role.DRAFTS]
        response = self._localized() if behavior.draft == "localized" else self.response
        response = replace(response, received=self.request.mailbox.moment())
        by_verdict = behavior.draft in {"verdict", "localized"}
        subject = response.subject if behavior.draft_subject else ""
        name = names.item_name(subject) if by_verdict else self.request.name
        if behavior.draft == "numbered" and name.casefold() not in drafts.items:
            world.put(drafts, _stale(response), name)
        draft = world.put(drafts, response, name)
        if hidden := _hidden(behavior):
            draft.patches = dict.fromkeys(hidden)
        draft.answers = self.request.tally
        if draft.answers:
            draft.answers.record(Action.DRAFTED)
        return draft

    def _localized(self) -> Message:
        words = _LOCALIZED.get(self.request.mailbox.language, {})
        plain = self.response.subject.removeprefix(self.subject_prefix)
        return replace(self.response, subject=words.get(self.subject_prefix, self.subject_prefix) + plain)


def _hidden(behavior: StoreBehavior) -> tuple[str, ...]:
    """Return the properties that drafts do not have on such a server."""
    uid = () if behavior.draft_uid else (CALENDAR + "uid", *GLOBAL_OBJECT_IDS)
    subject = () if behavior.draft_subject else _SUBJECTS
    recurrence_id = () if behavior.draft_recurrence_id == "shown" else (CALENDAR + "recurrenceid",)
    return *uid, *subject, *recurrence_id


def _stale(response: Message) -> Message:
    """Return an old unsent answer to another meeting."""
    meeting = response.meeting
    other = meeting and replace(meeting, uid=meeting.uid[: -len(_STALE_UID_END)] + _STALE_UID_END)
    return replace(response, meeting=other)
