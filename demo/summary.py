"""Compare what happened, by the counts of the simulated servers, with what was promised."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from rsvpq.lanes import Lanes
from testbed.stack import Plan, Stack

#: Kinds of messages that must be left alone, and the reason rsvpq counts them under.
_SKIPPED = {"cancellation": "cancellation", "other": "unknown-class"}
#: Kinds that are not meeting messages, so that no scan finds them, and what they are called.
_NOT_FOUND = {"mail": "ordinary mails", "task-request": "task requests"}
#: The names of the protocols of the settings.
_PROTOCOLS = {"webdav": "WebDAV", "ews": "Exchange Web Services"}


@dataclass(frozen=True, slots=True)
class Report:
    """The oracle's summary, our own count of skipped messages by reason, and how long the run took in seconds."""

    oracle: dict[str, Any]
    skipped: dict[str, int]
    plan: Plan
    took_s: float

    @classmethod
    def read(cls, stack: Stack, lanes: Lanes, took_s: float) -> "Report":
        """Ask both."""
        found = lanes.snapshot.status().skipped
        skipped = {reason: found.get(reason, 0) for reason in _SKIPPED.values()}
        return cls(stack.exchange.ask("summary"), skipped, stack.plan, took_s)

    @property
    def lost(self) -> int:
        """Requests that were not answered, whether accepted or untouched."""
        requests = self.oracle["requests"]
        return int(requests["accepted_unsent"] + requests["waiting"])

    @property
    def delivered(self) -> int:
        """Responses that came during the run, and were absorbed in it as well."""
        circle = self.oracle["circle"]
        return int(circle["delivered_opened"] + circle["delivered_entered"])

    @property
    def absorbed(self) -> int:
        """Responses that were opened, or entered by the server and cleared after that."""
        responses = self.oracle["responses"]
        return int(responses["opened"] + responses["entered"])

    @property
    def handled(self) -> int:
        """Messages answered or absorbed."""
        return int(self.oracle["requests"]["answered_once"]) + self.absorbed + self.delivered

    @property
    def complaints(self) -> list[str]:
        """The broken promises; empty if there are none."""
        requests, responses, pace = self.oracle["requests"], self.oracle["responses"], self.oracle["pace"]
        counted = {
            "requests lost": self.lost,
            "requests answered twice": requests["answered_twice"],
            "responses not absorbed": responses["unopened"],
            "responses opened more than once": responses["opened_more_than_once"],
            "HTTP requests over the concurrency": self.oracle["in_flight"]["over_limit"],
            "mailbox pace violations": pace["mailbox_violations"],
            "server pace violations": pace["server_violations"],
        }
        for kind, reason in _SKIPPED.items():
            seeded = self.oracle["seeded"][kind]
            counted[f"{reason} touched"] = seeded - self.oracle["untouched"][kind]
            counted[f"{reason} not counted as skipped"] = abs(seeded - self.skipped[reason])
        for kind, name in _NOT_FOUND.items():
            counted[f"{name} touched"] = self.oracle["seeded"][kind] - self.oracle["untouched"][kind]
        return [f"{what}: {count}" for what, count in counted.items() if count]

    @property
    def good(self) -> bool:
        """Whether all promises were kept."""
        return not self.complaints


def print_report(report: Report, console: Console) -> None:
    """Print the report as a table, and the verdict."""
    table = Table(title="What the simulated servers saw", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in _rows(report):
        table.add_row(name, text)
    console.print(table)
    for complaint in report.complaints:
        console.print(f"[bold red]not as promised[/]  {complaint}", highlight=False)
    if report.good:
        console.print("[bold green]as promised[/]: nothing lost, nothing twice, no limit passed", highlight=False)


def _rows(report: Report) -> list[tuple[str, str]]:
    oracle, plan = report.oracle, report.plan
    pace, in_flight, circle = oracle["pace"], oracle["in_flight"], oracle["circle"]
    servers = ", ".join(f"{most}" for _, most in sorted(in_flight["servers"].items()))
    protocols = ", ".join(f"mail{n} {_PROTOCOLS[plan.protocol_of(n)]}" for n in range(plan.world.servers))
    skipped = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
    alone = " and ".join(f"{oracle['untouched'][kind]} {name}" for kind, name in _NOT_FOUND.items())
    return [
        ("protocols", protocols),
        *_requests(report),
        *_responses(report),
        ("full circle", f"{circle['answers_delivered']} answers reached organizers in these mailboxes;"),
        ("", f"{report.delivered} found by the same scan; {circle['attendees_updated']} attendees updated in all"),
        ("skipped", f"{skipped}; {alone} left alone"),
        ("most at once", f"{in_flight['mailbox']['max']} in a mailbox (limit {plan.mailbox.concurrency})"),
        ("", f"{servers} on the servers (limit {plan.server.concurrency})"),
        ("pace", f"{pace['operations']} operations in windows of 1 s and 60 s, what is in flight forgiven:"),
        ("", f"{pace['mailbox_violations']} mailbox violations, {pace['server_violations']} server violations"),
        ("fairness", f"longest wait of a small mailbox {oracle['small_mailbox_longest_wait_s']:.2f} s"),
        ("", f"while one {plan.world.deep} deep was worked"),
        ("speed", f"{report.handled / report.took_s:.0f} messages/s ({oracle['http_requests']} HTTP requests)"),
        ("", f"{report.handled} messages in {report.took_s:.0f} s"),
    ]


def _requests(report: Report) -> list[tuple[str, str]]:
    requests = report.oracle["requests"]
    rows = [
        ("requests", f"{requests['seeded']} seeded"),
        ("", f"{requests['answered_once']} answered once, {requests['answered_twice']} twice, {report.lost} lost"),
        ("", f"{requests['outdated']} left alone, for a newer edition of the meeting had come"),
    ]
    if requests["refused"]:
        rows.append(("", f"{requests['refused']} delegate's copies, which EWS lets nobody answer"))
    return rows


def _responses(report: Report) -> list[tuple[str, str]]:
    responses = report.oracle["responses"]
    kept = report.absorbed - responses["moved"]
    return [
        ("responses", f"{responses['seeded']} seeded: {responses['opened']} opened by Outlook Web Access,"),
        ("", f"{responses['entered']} entered by servers with EWS, and cleared after that"),
        ("", f"{responses['moved']} moved away (kept: {kept} counter-proposals)"),
    ]
