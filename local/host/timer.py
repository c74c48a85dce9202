"""The timer trigger: six-field NCRONTAB schedules in UTC."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

from azure.functions.meta import Datum
from cronsim import CronSim, CronSimError

from local.host.config import HostError
from local.host.index import AppFunction
from local.host.invoke import Invoker, Outcome


class TimerTrigger:
    """Runs one function on its schedule; a run that is not over when the next falls due delays it."""

    def __init__(self, function: AppFunction, invoker: Invoker) -> None:
        self.function = function
        self._invoker = invoker
        occurrences(function.trigger["schedule"], datetime.now(UTC))  # a bad schedule stops the host

    async def run(self) -> None:
        """Runs until cancelled, first at once if the trigger says `runOnStartup`."""
        if self.function.trigger.get("runOnStartup"):
            await self._fire_to_the_end()
        while True:
            now = datetime.now(UTC)
            due = next(occurrences(self.function.trigger["schedule"], now))
            await asyncio.sleep((due - now).total_seconds())
            await self._fire_to_the_end()

    async def fire(self) -> Outcome:
        """Runs the function now."""
        # the local host keeps no schedule between starts, so that nothing is ever past due
        status = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
        return await self._invoker.invoke(self.function, Datum(json.dumps(status), "json"))

    async def _fire_to_the_end(self) -> None:
        self._current = asyncio.create_task(self.fire())
        await asyncio.shield(self._current)  # the end of the schedule is not the end of what runs


def occurrences(schedule: str, after: datetime) -> Iterator[datetime]:
    """When `{second} {minute} {hour} {day} {month} {day of week}` falls due, after a moment.

    Raises HostError for what is no such schedule.
    """
    fields = schedule.split()
    if len(fields) != 6:
        raise HostError(f"schedule {schedule!r} has not six fields")
    if fields[3] != "*" and fields[5] != "*":
        raise HostError(f"schedule {schedule!r}: NCRONTAB wants both the day and the day of week, cron either")
    try:
        return CronSim(schedule.upper(), after)
    except CronSimError as error:
        raise HostError(f"schedule {schedule!r}: {error}") from error
