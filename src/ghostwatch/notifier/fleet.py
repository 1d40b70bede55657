"""The databases that one sidecar serves. Each has its own connections and tasks, so that none waits for another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ghostwatch.notifier import logs
from ghostwatch.notifier.health_signal import Backoff
from ghostwatch.notifier.http import Request, Response, Stream
from ghostwatch.notifier.instance import Instance
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Messenger
from ghostwatch.notifier.pace import Pace
from ghostwatch.settings import Settings

LONGEST_RESTART_PAUSE = 60.0

log = logging.getLogger(__name__)


class Fleet(Collector):
    """Serves databases until it is told to stop; also their metrics and their health, as one."""

    def __init__(self, messenger: Messenger, renderer: Renderer, pace: Pace | None) -> None:
        self._messenger = messenger
        self._renderer = renderer
        self._pace = pace
        # In the order of the file.
        self._instances: dict[str | None, Instance] = {}
        self._tasks: dict[str | None, asyncio.Task[bool]] = {}
        self._ending: set[asyncio.Task[bool]] = set()
        self._stopping = False

    @property
    def instances(self) -> Sequence[Instance]:
        """Those that are served."""
        return list(self._instances.values())

    async def serve(self, wanted: Sequence[Settings]) -> None:
        """Begins with databases that are new, ends with those that are gone, and leaves the others alone.

        Raises DatabaseUnavailable where the one that is no fleet does not answer.
        """
        by_name = {settings.instance: settings for settings in wanted}
        for name, instance in list(self._instances.items()):
            if by_name.get(name) != instance.settings:
                log.info("database %s is not served any more", name)
                instance.stop()
                self._ending.add(self._tasks.pop(name))
                del self._instances[name]
        for name, settings in by_name.items():
            if name not in self._instances:
                await self._begin(settings)
        self._instances = {name: self._instances[name] for name in by_name}

    def stop(self) -> None:
        """Ends all in good order."""
        self._stopping = True
        for instance in self.instances:
            instance.stop()

    async def wait(self) -> bool:
        """Waits until nothing is served any more; returns whether all ended in good order."""
        results = []
        while tasks := {*self._tasks.values(), *self._ending}:
            # A database that is added meanwhile is seen at the next look.
            done, _ = await asyncio.wait(tasks, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            self._ending -= done
            self._tasks = {name: task for name, task in self._tasks.items() if task not in done}
            results += [task.result() for task in done]
        return all(results)

    async def page(self, request: Request) -> Response | Stream:
        """Answers with the page of the database, or of the whole fleet."""
        from ghostwatch.page import fleet

        sites = [instance.site for instance in self.instances if instance.site is not None]
        if self._pace is not None or not sites:
            return await fleet.answer(sites, request)
        return await sites[0].answer(request)

    def alive(self) -> bool:
        """Whether every drain loop turns."""
        return all(instance.watch.alive() for instance in self.instances)

    def well(self) -> bool:
        """Whether checks succeed and alerts reach people, for every database."""
        return all(instance.watch.well() for instance in self.instances)

    def report(self) -> dict[str, Any]:
        """For /healthz and /readyz: of one database, or of each by its name."""
        reports = {instance.name: instance.watch.report() for instance in self.instances}
        if self._pace is None:
            return next(iter(reports.values()), {"alive": True, "problems": {"the sidecar": "it begins"}})
        return {
            "alive": self.alive(),
            "problems": {name: report["problems"] for name, report in reports.items() if report["problems"]},
            "databases": reports,
        }

    @property
    def registry(self) -> Fleet:
        """What has the metrics of all."""
        return self

    def collect(self) -> Iterator[Metric]:
        """The metrics of all databases; the label database says which."""
        merged: dict[str, Metric] = {}
        for instance in self.instances:
            labels = {} if instance.name is None else {"database": instance.name}
            for metric in instance.metrics.registry.collect():
                family = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                family.samples += _labelled(metric.samples, labels)
        yield from merged.values()

    async def _begin(self, settings: Settings) -> None:
        instance = Instance(settings, self._messenger, self._renderer, self._pace)
        if self._pace is None:
            # Mistakes of whoever started it are told at once.
            await instance.watch.beat()
        self._instances[settings.instance] = instance
        self._tasks[settings.instance] = asyncio.create_task(self._keep(instance), name=f"instance {instance.name}")

    async def _keep(self, instance: Instance) -> bool:
        """Serves one database. Of a fleet, one that dies begins anew; alone, the process ends and is started again."""
        logs.instance.set(instance.name)
        backoff = Backoff(LONGEST_RESTART_PAUSE)
        while True:
            try:
                lived = await instance.run()
            finally:
                await instance.close()
            name = instance.name
            if lived or self._stopping or self._pace is None or self._instances.get(name) is not instance:
                return lived
            await asyncio.sleep(backoff.next_pause())
            if self._stopping or self._instances.get(name) is not instance:
                return False
            instance = Instance(instance.settings, self._messenger, self._renderer, self._pace)
            self._instances[name] = instance


def _labelled(samples: Iterable[Sample], labels: dict[str, str]) -> list[Sample]:
    return [sample._replace(labels={**labels, **sample.labels}) for sample in samples]
