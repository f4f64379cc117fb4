"""What /metrics shows."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from nlparch.runtime import AnyModel

from .admission import Load

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_COUNTS = tuple(2**n for n in range(15))


class Metrics:
    """The server's own counters, in a registry of their own: two servers in a process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.request_seconds = self._histogram("request_seconds", "From a request's arrival to its answer", _SECONDS)
        self.queue_seconds = self._histogram("queue_seconds", "From a request's arrival to its first turn", _SECONDS)
        self.tokenise_seconds = self._histogram("tokenise_seconds", "Splitting the texts of a batch", _SECONDS)
        self.infer_seconds = self._histogram("infer_seconds", "Running the model on a batch", _SECONDS)
        self.postprocess_seconds = self._histogram("postprocess_seconds", "Writing the answers of a batch", _SECONDS)
        self.batch_texts = self._histogram("batch_texts", "Texts of a batch", _COUNTS)
        self.batch_words = self._histogram("batch_words", "Words of a batch", _COUNTS)
        self.words = self._counter("words", "Words tagged")
        self.responses = self._counter("responses", "Answers by status", "code")
        self.shed = self._counter("shed_requests", "Requests that were not run, by reason", "reason")
        self.swaps = self._counter("model_swaps", "Attempts to load a changed model, by outcome", "model", "outcome")

    def watch(self, models: Mapping[str, AnyModel], load: Load) -> None:
        """Adds what is read when asked for: the models as they are, and what is waiting."""
        self.registry.register(_Now(models, load))

    def _histogram(self, name: str, text: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(f"nlparch_{name}", text, buckets=tuple(buckets), registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"nlparch_{name}", text, labels, registry=self.registry)


class _Now(Collector):
    """Figures that are read, not counted."""

    def __init__(self, models: Mapping[str, AnyModel], load: Load) -> None:
        self._models = models
        self._load = load

    def collect(self) -> Iterable[Metric]:
        """The models that are served, and the load."""
        info = InfoMetricFamily("nlparch_model", "Models that are served", labels=["model"])
        for name, model in self._models.items():
            info.add_metric([name], {"hash": model.model_hash, "precision": model.precision, "task": model.task})
        yield info
        yield GaugeMetricFamily("nlparch_pending_requests", "Requests accepted, not answered", self._load.n_requests)
        yield GaugeMetricFamily("nlparch_wait_seconds", "Estimated wait of a new request", self._load.wait)
