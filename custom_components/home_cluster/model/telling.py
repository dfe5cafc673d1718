"""Which Events are about which workload, those about pods that are gone included."""

from collections.abc import Iterator

from ..kube.schema import Event, Key, Kind, Ref

type Subject = tuple[str, str, str]
"""What an Event is about: kind, namespace, name."""


def about_pod(key: Key) -> Subject:
    """Return the subject that a pod is."""
    return Kind.POD.value, key.namespace, key.name


class Telling:
    """Events by what they are about, and where pods belonged that are gone while Events remain."""

    def __init__(self) -> None:
        """Start without any Event."""
        self._told: dict[Subject, set[Key]] = {}
        self._about: dict[Key, Subject] = {}
        self._gone: dict[Ref, set[Key]] = {}
        self._gone_from: dict[Key, Ref] = {}

    def __bool__(self) -> bool:
        """Return whether there is any Event."""
        return bool(self._told)

    def put(self, key: Key, event: Event | None) -> Subject | None:
        """Take in an Event that came, changed or went; what it is or was about."""
        old = self._about.pop(key, None)
        if old is not None:
            self._told[old].discard(key)
            if not self._told[old]:
                del self._told[old]
                if event is None and old[0] == Kind.POD:
                    self.forget(Key(*old[1:]))
        if event is None:
            return old
        subject = (event.about_kind, event.namespace, event.about_name)
        self._about[key] = subject
        self._told.setdefault(subject, set()).add(key)
        return subject

    def about(self, subject: Subject) -> Iterator[Key]:
        """Return the keys of the Events about something."""
        yield from self._told.get(subject, ())

    def about_gone(self, ref: Ref) -> Iterator[Key]:
        """Return the keys of the Events about pods that were the workload's."""
        for pod in self._gone.get(ref, ()):
            yield from self.about(about_pod(pod))

    def remember(self, pod: Key, ref: Ref) -> None:
        """Keep where a pod belonged that is gone, if there are Events about it."""
        if about_pod(pod) in self._told:
            self._gone_from[pod] = ref
            self._gone.setdefault(ref, set()).add(pod)

    def forget(self, pod: Key) -> None:
        """Forget a pod that was gone: it is back, or there is no Event about it any more."""
        ref = self._gone_from.pop(pod, None)
        if ref is not None:
            self._gone[ref].discard(pod)
            if not self._gone[ref]:
                del self._gone[ref]
