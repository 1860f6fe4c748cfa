"""A scrape of the metrics, as Prometheus reads it."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rsvpq.metrics.collector import InstallationCollector
from rsvpq.metrics.reading import InstallationReader
from rsvpq.settings import Settings

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples of a scrape: by the name of the metric, then by its labels."""

    samples: Mapping[str, Mapping[Labels, float]]

    @classmethod
    def of(cls, text: str) -> "Scrape":
        """Read the text format; a series that is there twice is refused, as Prometheus does."""
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series = found.setdefault(sample.name, {})
                labels = frozenset(sample.labels.items())
                assert labels not in series, f"{sample.name} {dict(labels)} is there twice"
                series[labels] = float(sample.value)
        return cls(found)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of one series; None if it is not there."""
        return self.samples.get(name, {}).get(frozenset(labels.items()))

    def total(self, name: str) -> float:
        """Return the sum of all series of a metric."""
        return sum(self.samples.get(name, {}).values())


def scrape(settings: Settings) -> Scrape:
    """Scrape an installation in this process, in the way that the metrics process does."""
    registry = CollectorRegistry()
    with closing(InstallationReader(settings)) as reader:
        registry.register(InstallationCollector(reader))
        return Scrape.of(generate_latest(registry).decode())
