"""The pages that change something: each first shows what it would do, and asks for a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, get_args

from rsvpq.console.page import ConsolePage, link
from rsvpq.lanes import Scope
from rsvpq.lanes.bounds import LARGEST_AT_ONCE, read_count
from rsvpq.ops import InvalidRequest, OperatorContext, confirmation, control, dead, drafts, scans
from rsvpq.settings import ConfigError, Duration
from rsvpq.settings.logins import ConsoleRole
from rsvpq.text import counted

#: The most characters of a reason: the audit keeps no more.
LONGEST_REASON = 200
#: The most items that one form may name.
MOST_ITEMS = 500
#: The most items that were left as they were, which are named.
_MOST_LEFT = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. ``kind`` is that of HTML: text, checkbox or hidden."""

    name: str
    label: str = ""
    hint: str = ""
    kind: str = "text"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked before something is done.

    :param about: what it means, a paragraph each. :param back: where to go afterwards, done or not.
    :param others: addresses of what may be meant instead, by their words.
    """

    title: str
    button: str
    back: str
    about: Sequence[str] = ()
    fields: Sequence[Field] = ()
    others: Mapping[str, str] = field(default_factory=dict)


class ActionPage(ConsolePage):
    """Shows a form by GET, and acts by POST, which the XSRF check has admitted."""

    role: ClassVar[ConsoleRole | None] = "operator"

    def form(self, context: OperatorContext) -> Form:
        """Return the form; runs in a thread.

        :raises InvalidRequest, ConfigError: there is nothing to do it to.
        """
        raise NotImplementedError

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Do it; runs in a thread.

        :returns: sentences for the operator. :raises InvalidRequest, ConfigError: it was refused, and nothing was done.
        """
        raise NotImplementedError

    async def get(self) -> None:
        """Show the form."""
        await self._ask_again(await self.ask(partial(self.form, self.context)), "")

    async def post(self) -> None:
        """Act, and go back to where the result can be seen."""
        form = await self.ask(partial(self.form, self.context))
        try:
            said = await self.ask(partial(self.act, self.context, self._stated_reason()))
        except (InvalidRequest, ConfigError) as error:
            self.set_status(400)
            await self._ask_again(form, str(error))
            return
        self.console.readings.forget()
        if self.session:
            self.session.notices += said
        self.redirect(form.back, status=303)

    def given(self, name: str) -> str:
        """Return a value of the address or of the form, '' without one."""
        return self.get_argument(name, "")

    def _stated_reason(self) -> str:
        reason = " ".join(self.get_body_argument("why", "").split())
        if not reason:
            raise InvalidRequest("reason: is missing; say why, for those who read the audit")
        if len(reason) > LONGEST_REASON:
            raise InvalidRequest(f"reason: has {len(reason)} characters; write at most {LONGEST_REASON}")
        return reason

    async def _ask_again(self, form: Form, problem: str) -> None:
        """Show the form with what was entered; hidden fields, of which several may have one name, stay as they are."""
        entered = [
            one if one.kind == "hidden" else replace(one, value=self.get_body_argument(one.name, "") or one.value)
            for one in form.fields
        ]
        form = replace(form, fields=entered)
        why = self.get_body_argument("why", "")
        await self.show("form.html", form.title, form=form, problem=problem, why=why, longest=LONGEST_REASON)


class _Scoped(ActionPage):
    """An action on everything, a server, a group or a mailbox."""

    def scope(self, context: OperatorContext) -> tuple[Scope, str]:
        """Return the scope and the name.

        :raises InvalidRequest, ConfigError: there is no such scope or name.
        """
        scope = {word: word for word in get_args(Scope)}.get(self.given("scope"))
        if scope is None:
            raise InvalidRequest("unknown scope: use all, server, group or mailbox")
        return scope, context.resolve_name(scope, self.given("name"))

    def form_of(self, context: OperatorContext, verb: str, about: Sequence[str], fields: Sequence[Field] = ()) -> Form:
        """Return a form whose title names the scope."""
        scope, name = self.scope(context)
        what = "everything" if scope == "all" else f"{scope} {name}"
        back = link(f"/{scope}", name=name) if scope in ("server", "mailbox") else "/"
        hidden = (Field("scope", kind="hidden", value=scope), Field("name", kind="hidden", value=name))
        return Form(f"{verb} {what}", f"{verb} {what}", back, about, (*hidden, *fields))


class PausePage(_Scoped):
    """Pause everything, a server, a group or a mailbox."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form."""
        about = ["Nothing new starts, and what runs stops before its next effect."]
        lasts = Field("lasts", "For how long", "such as 90s or 2h; empty: until somebody resumes it")
        return self.form_of(context, "Pause", about, [lasts])

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Pause it, and warn if no process has used this Redis: then nothing may stand still."""
        lasts = self.given("lasts").strip()
        try:
            for_s = Duration.parse(lasts).seconds if lasts else None
        except ValueError as error:
            raise InvalidRequest(f"for how long: {error}") from None
        said = control.pause(context, *self.scope(context), reason, for_s=for_s)
        return [said, *filter(None, [confirmation.unused(context)])]


class ResumePage(_Scoped):
    """Undo a pause, and lift a hold."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form."""
        return self.form_of(context, "Resume", ["Undoes a pause of the same scope, and lifts a hold of it."])

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Resume it."""
        return [control.resume(context, *self.scope(context), reason)]


class LimitPage(_Scoped):
    """Override the limits of a server or a mailbox."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form, with the limits as they are."""
        scope, name = self._limited(context)
        about = [control.limits(context, scope, name), "What is left empty stays as it is."]
        fields = (
            Field("rate", "Rate", "items per time, such as 4/s or 30/min"),
            Field("burst", "Burst", "items that may start at once"),
            Field("concurrency", "Concurrency", "items in flight at once"),
            Field("reset", "Restore the configured limits instead", kind="checkbox"),
        )
        return self.form_of(context, "Limit", about, fields)

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Set the limits."""
        scope, name = self._limited(context)
        numbers = {name: self._count(name) for name in ("burst", "concurrency")}
        given = control.GivenLimits(self.given("rate").strip() or None, reset=bool(self.given("reset")), **numbers)
        if not any(given.values.values()):
            raise InvalidRequest("no limit is given: fill in one, or restore the configured ones")
        return [control.limit(context, scope, name, given, reason)]

    def _limited(self, context: OperatorContext) -> tuple[control.LimitedScope, str]:
        scope, name = self.scope(context)
        if scope not in ("server", "mailbox"):
            raise InvalidRequest("limits apply to a server or a mailbox; name one")
        return scope, name

    def _count(self, name: str) -> int | None:
        text = self.given(name).strip()
        try:
            return read_count(LARGEST_AT_ONCE, text) if text else None
        except ValueError as error:
            raise InvalidRequest(f"{name}: {error}") from None


class ScanPage(_Scoped):
    """Scan everything, a server, a group or a mailbox now."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form."""
        about = [
            "Does what a scheduled run does, within the same limits. A mailbox that is being scanned already, or whose "
            "messages still wait, is skipped."
        ]
        return self.form_of(context, "Scan", about)

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Trigger the scans."""
        return scans.scan(context, *self.scope(context), reason)


class SendDraftPage(ActionPage):
    """Send an unsent answer that may be a person's own."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form, with what is known of the draft."""
        mailbox, draft = drafts.held_draft(context, *self._named())
        about = [
            f"The draft {draft.subject!r} in {mailbox.name}, an answer of the kind {draft.reply or 'unknown'!s}.",
            "First make sure that nobody is still working on it: an answer that was sent cannot be recalled.",
        ]
        fields = [
            Field("mailbox", kind="hidden", value=mailbox.name),
            Field("draft", kind="hidden", value=draft.ref.key),
        ]
        return Form(f"Send a draft of {mailbox.name}", "Send it", "/drafts", about, fields)

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Offer the item that sends it."""
        mailbox, draft = self._named()
        return [f"the draft {draft} of {mailbox} {drafts.send(context, mailbox, draft, reason)}"]

    def _named(self) -> tuple[str, str]:
        return self.given("mailbox"), self.given("draft")


class ConfirmPage(ActionPage):
    """Confirm live runs, as ``rsvpq confirm`` does, or withdraw that."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form; there is none while ``mode`` is ``observe``."""
        group = self.given("group")
        about = [
            f"Terms: {confirmation.terms(context, group)}.",
            "Look at 'rsvpq scan --dry-run' first: it shows what would be answered. A response that was processed is "
            "moved to Deleted Items.",
        ]
        fields = [Field("group", kind="hidden", value=group), Field("yes", "Yes, rsvpq may answer", kind="checkbox")]
        title = f"Confirm live runs{_in(group)}"
        found = {} if group else confirmation.unconfirmed_groups(context)
        others = {f"only {one} ({number})": link("/confirm", group=one) for one, number in found.items()}
        return Form(title, title, "/", about, fields, others)

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Confirm them."""
        if not self.given("yes"):
            raise InvalidRequest("nothing was confirmed: tick that rsvpq may answer")
        done = confirmation.confirm(context, reason, self.given("group"))
        return [done, *filter(None, [confirmation.unused(context)])]


class WithdrawPage(ActionPage):
    """Withdraw the confirmation of live runs."""

    def form(self, context: OperatorContext) -> Form:
        """Return the form."""
        group = self.given("group")
        if group:
            context.resolve_name("group", group)
        about = [f"From then on rsvpq only observes{_in(group)}. What was started is finished."]
        title = f"Withdraw the confirmation{_in(group)}"
        found = () if group else sorted(context.lanes.controls.confirmed_groups())
        others = {f"only {one}": link("/withdraw", group=one) for one in found}
        return Form(title, title, "/", about, [Field("group", kind="hidden", value=group)], others)

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Withdraw it."""
        return [confirmation.withdraw(context, reason, self.given("group"))]


def _in(group: str) -> str:
    return f" in the group {group}" if group else ""


class _Settle(ActionPage):
    """Retry or drop dead items: those that are named, or all that match a filter."""

    verb: ClassVar[str]
    done: ClassVar[str]
    meaning: ClassVar[str]

    def form(self, context: OperatorContext) -> Form:
        """Return the form, which says how many items it is about."""
        ids, which = self._chosen()
        if which is not None:
            dead.require_known(context, which)
        number = len(ids) if which is None else dead.count(context.lanes, which)
        what = f"{self.verb.capitalize()} {counted(number, 'dead item')}"
        about = [self.meaning]
        if which is not None:
            words = [f"{name} {value!r}" for name, value in self._filter().items() if value]
            about.append(f"All dead items{' with ' + ', '.join(words) if words else ''}: {number} at present.")
        fields = [Field("id", kind="hidden", value=one) for one in ids]
        fields += [Field(name, kind="hidden", value=value) for name, value in self._filter().items() if value]
        if which is not None:
            fields.append(Field("all", kind="hidden", value="1"))
        return Form(what, what, link("/dead", **({} if which is None else self._filter())), about, fields)

    def act(self, context: OperatorContext, reason: str) -> list[str]:
        """Settle them, and say what was left as it was."""
        ids, which = self._chosen()
        settle = {"retry": dead.retry, "drop": dead.drop}[self.verb]
        found = settle(context, ids, which, reason)
        left = [
            f"{one}: {'no such item' if state == 'unknown' else f'unchanged, because it is not dead but {state}'}"
            for one, state in found["left"].items()
        ]
        return [f"{self.done} {found[self.done]}", *left[:_MOST_LEFT]]

    def _filter(self) -> dict[str, str]:
        return {name: self.given(name) for name in ("server", "mailbox", "reason", "like")}

    def _chosen(self) -> tuple[list[str], dead.Which | None]:
        ids = list(dict.fromkeys(self.get_arguments("id")))
        if len(ids) > MOST_ITEMS:
            raise InvalidRequest(f"{len(ids)} items are too many for one form; choose at most {MOST_ITEMS}, or all")
        which = dead.Which(**self._filter()) if self.given("all") else None
        if bool(ids) == (which is not None):
            raise InvalidRequest("no item is chosen: tick some, or take all that match")
        return ids, which


class RetryPage(_Settle):
    """Put dead items back at the head of their lanes."""

    verb, done = "retry", "retried"
    meaning = "They go back to the head of their lanes, with new attempts. Each first checks what was already done."


class DropPage(_Settle):
    """Give up dead items for good."""

    verb, done = "drop", "dropped"
    meaning = "They are given up for good: no scan offers these messages again."
