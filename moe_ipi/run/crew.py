"""The local drivers of a run: a lost one is replaced, one that cannot work ends the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from moe_ipi.config import RunConfig
from moe_ipi.driver.protocol import VANISHED
from moe_ipi.run.local_drivers import Place
from moe_ipi.run.processes import Child

#: Seconds after which a driver that ended is taken as the cause, unless i-PI has ended too.
_SETTLE_SECONDS = 2.0
#: Seconds before a new driver is started, at least: when i-PI ends, its drivers do.
_SHORTEST_DELAY = 0.3


class Crew:
    """The drivers, and how many more may be started.

    Args:
        places: where they run.
        settings: how often, and when, a lost one is replaced.
        children: gets every process that is started.
        say: shows a line to the user.
    """

    def __init__(
        self, places: Sequence[Place], settings: RunConfig, children: list[Child], say: Callable[[str], None]
    ) -> None:
        self._places = places
        self._children = children
        self._settings = settings
        self._delay = max(settings.restart_delay, _SHORTEST_DELAY)
        self._say = say
        self._restarts = 0
        #: When a driver was found dead, by its process id.
        self._dead: dict[int, float] = {}
        #: Why a driver was killed.
        self._why: dict[int, str] = {}
        self._given_up: set[int] = set()

    def start(self) -> None:
        """Start one driver at each place."""
        for place in self._places:
            self._children.append(place.start())

    @property
    def drivers(self) -> list[Child]:
        """The present driver of each place, dead or alive."""
        return [place.driver for place in self._places if place.driver is not None]

    def alive(self, field: str | None = None) -> Iterator[Place]:
        """Places with a live driver; ``field``: of this ``<ffsocket>`` only."""
        for place in self._places:
            if field in (None, place.field) and place.driver is not None and place.driver.poll() is None:
                yield place

    def coming(self, field: str) -> bool:
        """Whether a driver of an ``<ffsocket>`` is alive or will be started."""
        waiting = any(p.driver is not None and p.driver.pid not in self._given_up for p in self._of(field))
        return waiting or any(self.alive(field))

    def replace(self, place: Place, why: str) -> bool:
        """Kill a driver, for a new one to be started; false if there may be no more."""
        driver = place.driver
        if driver is None or self._restarts >= self._settings.restarts:
            return False
        self._why[driver.pid] = why
        driver.kill()
        return True

    def look_after(self) -> str:
        """Replace those that were lost; to be called often while i-PI is well.

        Returns:
            Why the run must end; empty if it need not.
        """
        now = time.monotonic()
        for place in self._places:
            driver = place.driver
            if driver is None or driver.poll() is None or driver.pid in self._given_up:
                continue
            since = self._dead.setdefault(driver.pid, now)
            if _will_repeat(driver) and driver.pid not in self._why:
                if now - since > _SETTLE_SECONDS:
                    return f"{driver.name} failed: {driver.reason()}"
            elif now - since > self._delay and (failure := self._replace_dead(place, driver)):
                return failure
        return ""

    def _replace_dead(self, place: Place, driver: Child) -> str:
        why = f"{driver.name} was lost: {self._why.get(driver.pid) or driver.reason()}"
        limit = self._settings.restarts
        if self._restarts < limit:
            self._restarts += 1
            line = f"{why}; a new one is started ({self._restarts} of at most {limit})"
            self._say(line)
            self._children.append(place.start(line))
            return ""
        limited = f"no more than {limit} are started anew ([run] restarts)"
        self._given_up.add(driver.pid)
        if not self.coming(place.field):
            return f"{why}; it was the last one, and {limited}"
        self._say(f"{why}; {limited}: the run goes on with {sum(1 for _ in self.alive(place.field))}")
        return ""

    def _of(self, field: str) -> Iterator[Place]:
        return (place for place in self._places if place.field == field)


def _will_repeat(driver: Child) -> bool:
    """Whether a driver has ended with an error of its own, that the next one would meet, too."""
    error = driver.error()
    return driver.poll() == 1 and bool(error) and not error.startswith(VANISHED)
