"""Read the lanes back from Redis key by key, to compare them with the view of the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.lane_model import FINAL, IN_FLIGHT, Load, View


@dataclass(frozen=True)
class Ledger:
    """All keys of one namespace: the name behind the prefix, and the value as Python's."""

    keys: Mapping[str, Any]

    @classmethod
    def read(cls, redis: Any, prefix: str) -> "Ledger":
        """Read everything there is, so that a forgotten key shows too."""
        names = sorted(redis.keys(f"{prefix}:*"))
        with redis.pipeline(transaction=False) as pipe:
            for name in names:
                _ask(pipe, name, name.removeprefix(f"{prefix}:").split(":")[0])
            return cls(
                {
                    name.removeprefix(f"{prefix}:"): _plain(value)
                    for name, value in zip(names, pipe.execute(), strict=True)
                }
            )

    def named(self, kind: str) -> dict[str, Any]:
        """Return the values of ``kind:...`` by the rest of their name."""
        return {
            name.removeprefix(f"{kind}:"): value for name, value in self.keys.items() if name.startswith(f"{kind}:")
        }

    def view(self, pools: Iterable[str]) -> View:
        """Return what the model's view has, read from Redis."""
        items = self.named("item")
        return View(
            items={name: _item(fields) for name, fields in items.items()},
            lanes=self.named("lane"),
            inflight=self.keys.get("inflight", {}),
            later=self.keys.get("later", {}),
            dead=set(self.keys.get("dead", {})),
            mailboxes={name: _load(fields) for name, fields in self.named("mailbox").items()},
            servers={name: _load(fields) for name, fields in self.named("server").items()},
            pools={pool: int(self.keys["pools"].get(pool, 0)) for pool in pools},
            counts={label: int(count) for label, count in self.keys.get("counts", {}).items()},
            unfinished={server: set(ids) for server, ids in self.named("unfinished").items()},
            left={name: (int(float(one["again"])), one["policy"]) for name, one in items.items() if "again" in one},
            on_hold={mailbox: set(ids) for mailbox, ids in self.named("onhold").items()},
        )

    def places(self, item: str) -> list[str]:
        """Return all places that name the item; only the one that its state names is right."""
        state = self.keys[f"item:{item}"]["state"]
        found = ["pending" for lane in self.named("lane").values() for entry in lane if entry == item]
        if item in self.keys.get("inflight", {}):
            found.append(state if state in IN_FLIGHT else "in flight")
        found += [place for place in ("later", "dead") if item in self.keys.get(place, {})]
        return found or [state if state in FINAL else "nowhere"]

    def stands(self, mailbox: str) -> list[tuple[str, int]]:
        """Return where the mailbox stands: its ``where``, then the waiting set and the gates, which must agree."""
        said = self.keys[f"mailbox:{mailbox}"].get("where", "")
        waits = self.keys.get("wait", {})
        found = [("wait", int(waits[mailbox]))] if mailbox in waits else []
        found += [(f"ready:{gate}", 0) for gate, queue in self.named("ready").items() if mailbox in queue]
        assert [place for place, _ in found] == ([said] if said == "wait" or said.startswith("ready:") else [])
        return found or [(said, 0)]


def _ask(pipe: Any, name: str, kind: str) -> None:
    if kind == "lane":
        pipe.lrange(name, 0, -1)
    elif kind in ("servers", "mailboxes", "gates"):
        pipe.smembers(name)
    elif kind == "audit":
        pipe.xlen(name)
    elif kind == "told":
        pipe.get(name)
    elif kind in ("inflight", "later", "dead", "wait", "ready", "unfinished"):
        pipe.zrange(name, 0, -1, withscores=True)
    else:
        pipe.hgetall(name)


def _plain(value: Any) -> Any:
    scored = isinstance(value, list) and value and not isinstance(value[0], str)
    return {member: float(score) for member, score in value} if scored else value


def _item(fields: Mapping[str, str]) -> tuple[str, int, int, str, bool, int, int]:
    state, charged, owner = fields["state"], fields.get("charged") == "1", fields.get("owner", "")
    numbers = ("generation", "attempts", "unstarted", "looks")
    generation, attempts, unstarted, looks = (int(float(fields.get(field, 0))) for field in numbers)
    return state, generation, attempts, owner, charged, unstarted, looks


def _load(fields: Mapping[str, str]) -> Load:
    n, reserved, tat, hold = (int(float(fields.get(field, 0))) for field in ("n", "reserved", "tat", "hold"))
    later, dead = (int(fields.get(field, 0)) for field in ("later", "dead"))
    return Load(n, reserved, tat, hold, "paused" in fields, fields.get("scan", ""), later, dead)
