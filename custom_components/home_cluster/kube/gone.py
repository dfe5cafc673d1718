"""Which objects are certainly gone."""

from collections.abc import Container
from typing import Final

from .client import Client
from .errors import Forbidden, KubeError, NotFound
from .resources import path
from .schema import WORKLOAD_KINDS, Key, Kind, Ref
from .wire import decode_page

# What is there for long enough that its end matters by itself; there are fewer than that of them.
_LASTING: Final = frozenset(WORKLOAD_KINDS) | {Kind.NODE}
MANY: Final = 10_000


class Gone:
    """Knows what a watch said to be deleted, and asks the server about the rest."""

    def __init__(self, client: Client) -> None:
        """Prepare; nothing is known to be gone."""
        self._client = client
        self._deleted: set[tuple[Kind, Key]] = set()

    def note(
        self, kind: Kind, keys: set[Key], store: Container[Key], replaced: bool
    ) -> None:
        """Remember which of the changed objects a watch, not a complete read, said to be gone."""
        if kind not in _LASTING:
            return
        if len(self._deleted) > MANY:
            self._deleted.clear()
        if replaced and not self._deleted:
            return
        for key in keys:
            if replaced or key in store:
                self._deleted.discard((kind, key))
            else:
                self._deleted.add((kind, key))

    async def confirm(self, ref: Ref) -> bool:
        """Say whether an object is certainly gone: not there, while its collection can be read.

        Where nothing may be asked (the role went with its namespace) a DELETED event is enough.
        """
        collection = path(ref.kind, ref.namespace)
        try:
            await self._client.get(ref)
        except NotFound:
            asked = {"limit": "1"}
        except Forbidden:
            # The account may list but not get.
            asked = {"fieldSelector": f"metadata.name={ref.name}"}
            if (ref.kind, ref.key) in self._deleted:
                return True
        except KubeError:
            return False
        else:
            return False
        try:
            page = decode_page(
                await self._client.request("GET", collection, params=asked)
            )
        except KubeError:
            return False
        return "limit" in asked or not page.objects
