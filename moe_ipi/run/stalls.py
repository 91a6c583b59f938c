"""When a run stands still: who is waited for, since when, and what is done about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from moe_ipi.plugin.peers import cannot_answer, owner_of, program_of, state_of, words_for
from moe_ipi.run.crew import Crew
from moe_ipi.run.local_drivers import Place
from moe_ipi.run.processes import Child

#: Seconds after which the user hears of somebody who computes, and of somebody from whom nothing can come.
_NOTICE, _EARLY_NOTICE = 30.0, 5.0
#: The same while a driver loads its models, or compiles them.
_LOADING = 120.0
#: Seconds that a stranger may keep the connections to himself by saying nothing, if there is no other limit.
_SILENCE = 60.0
#: Seconds in which i-PI sees that a connection was closed.
_REACTION = 15.0


class Stalls:
    """Watches whom i-PI waits for.

    Ages are counted in the time in which this process ran: a job that the queue suspends does not age.

    Args:
        server: the process of i-PI.
        crew: the local drivers.
        limit: seconds that an answer may take; ``None``: any time.
        say: shows a line to the user.
    """

    def __init__(self, server: Child, crew: Crew, limit: float | None, say: Callable[[str], None]) -> None:
        self._server = server
        self._crew = crew
        self._limit = limit
        self._say = say
        self._waits: Sequence[dict[str, Any]] = ()
        self._clock, self._last = 0.0, time.monotonic()
        self._heard = 0.0
        #: Of every wait: when it was seen first, and when it is told next.
        self._known: dict[tuple[object, ...], list[float]] = {}
        #: When something was done about a wait.
        self._acted: dict[tuple[object, ...], float] = {}
        #: How long the longest answer took.
        self._longest = 0.0

    def report(self, waits: Sequence[dict[str, Any]]) -> None:
        """What i-PI says, once a second: :class:`moe_ipi.plugin.exchange.Wait` as dictionaries."""
        self._waits = waits
        self._heard = self._clock

    def check(self) -> str:
        """To be called often while the run goes on.

        Returns:
            Why the run must end; empty if it need not.
        """
        now = time.monotonic()
        self._clock += min(now - self._last, 0.5)
        self._last = now
        waits: dict[tuple[object, ...], dict[str, Any]] = {}
        for wait in self._waits:
            waits[wait["what"], wait["since"], wait["field"], wait["key"]] = wait
        if cannot_answer(self._server.pid):
            own = {"what": "i-PI", "since": time.time() - (self._clock - self._heard)}
            waits = {("i-PI", self._heard): own}
        for key in self._known.keys() - waits.keys() - self._acted.keys():
            if key[0] == "forces":
                self._longest = max(self._longest, self._clock - self._known[key][0])
        self._acted = {key: when for key, when in self._acted.items() if key in waits}
        self._known = {key: self._known.get(key, [self._clock, 0.0]) for key in waits}
        for key, wait in waits.items():
            if failure := self._judge(key, wait):
                return failure
        return ""

    def whom(self) -> str:
        """Whom i-PI waits for at present, and since when; empty if for nobody."""
        return "; ".join(dict.fromkeys(f"{self._who(w)} {_since(w)}" for w in self._waits))

    def _judge(self, key: tuple[object, ...], wait: dict[str, Any]) -> str:
        known = self._known[key]
        age = self._clock - known[0]
        place = self._place(wait)
        stuck = wait["what"] in ("i-PI", "status") or cannot_answer(self._pid(wait))
        # Where a step takes long, that is no news.
        notice = _EARLY_NOTICE if stuck else max(_NOTICE, 3 * self._longest)
        if self._limit is not None:
            notice = min(notice, self._limit / 2)
        if wait["what"] == "driver" and self._loads(wait["field"]):
            notice = _LOADING
        if age > max(notice, known[1]):
            known[1] = 2 * age
            self._say(f"the run stands still: it waits for {self._who(wait)} {_since(wait)}")
        limit = self._limit
        if limit is None and wait["what"] == "status" and place is None:
            limit = _SILENCE
        if limit is None or age <= limit:
            return ""
        return self._act(key, wait, place)

    def _act(self, key: tuple[object, ...], wait: dict[str, Any], place: Place | None) -> str:
        """Somebody has had his time."""
        failure = f"i-PI has waited for {self._who(wait)} {_since(wait)}"
        if wait["what"] == "driver":
            stopped = [p for p in self._crew.alive(wait["field"]) if p.driver and cannot_answer(p.driver.pid)]
            for stuck in stopped:
                if not self._kill(stuck):
                    return failure
            # One that loads its models may take its time.
            return "" if self._crew.coming(wait["field"]) else failure
        if key in self._acted:
            return failure if self._clock - self._acted[key] > _REACTION else ""
        self._acted[key] = self._clock
        if place is not None:
            return "" if self._kill(place) else failure
        if not wait.get("key"):
            return failure
        self._say(f"the connection is closed of {self._who(wait)} who was waited for {_since(wait)}")
        self._server.tell(f"drop {wait['key']}")
        return ""

    def _loads(self, field: str) -> bool:
        """Whether a live driver can be expected to connect."""
        drivers = [place.driver for place in self._crew.alive(field) if place.driver is not None]
        return any(not cannot_answer(driver.pid) for driver in drivers)

    def _kill(self, place: Place) -> bool:
        assert place.driver is not None
        pid = place.driver.pid
        return self._crew.replace(place, f"it did not answer ({words_for(pid)}, pid {pid}) and was killed")

    def _pid(self, wait: dict[str, Any]) -> int | None:
        if wait["what"] == "i-PI":
            return self._server.pid
        pid = wait["pid"]
        if pid is None and wait["peer"]:
            drivers = [place.driver.pid for place in self._crew.alive() if place.driver is not None]
            pid = wait["pid"] = owner_of(wait["peer"], drivers)
        return pid if pid is None else int(pid)

    def _place(self, wait: dict[str, Any]) -> Place | None:
        pid = self._pid(wait)
        return next((place for place in self._crew.alive() if place.driver and place.driver.pid == pid), None)

    def _who(self, wait: dict[str, Any]) -> str:
        pid, place = self._pid(wait), self._place(wait)
        if wait["what"] == "i-PI":
            return f"i-PI itself (pid {pid}, {words_for(self._server.pid)})"
        if wait["what"] == "driver":
            return f"a driver, none is connected to '{wait['field']}'{self._loading(wait['field'])}"
        if wait["what"] == "turn":
            return f"a driver, none of those connected to '{wait['field']}' gets the structure"
        verb = "which computes" if wait["what"] == "forces" else "which says nothing"
        if pid is not None and (cannot_answer(pid) or state_of(pid) is None):
            verb = words_for(pid)
        if place is not None:
            return f"{place.name} (pid {pid}), {verb},"
        if pid is not None:
            return f"a process that this run has not started (pid {pid}, {program_of(pid)}), {verb},"
        return f"a driver at {wait['peer'] or 'an unknown place'}, {verb},"

    def _loading(self, field: str) -> str:
        told = [
            f"{place.name} (pid {place.driver.pid}, {words_for(place.driver.pid)}): {place.driver.last_line()[:80]}"
            for place in self._crew.alive(field)
            if place.driver is not None
        ]
        return f" ({'; '.join(told)})" if told else ""


def _since(wait: dict[str, Any]) -> str:
    seconds = time.time() - wait["since"]
    return f"since {time.strftime('%H:%M:%S', time.localtime(wait['since']))} ({seconds:.0f} s)"
