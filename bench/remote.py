"""Telling the bench's server what to do."""

import json
import ssl
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from testbed.firehose import Firehose


class Remote:
    """The bench's server, from outside; every call waits for its end."""

    def __init__(self, server: Firehose) -> None:
        """Talk to a server that runs."""
        self._url = server.url
        self._context = ssl.create_default_context(cadata=server.ca)

    def __call__(self, command: str, **query: Any) -> dict[str, Any]:
        """Send a command."""
        request = Request(f"{self._url}/bench/{command}?{urlencode(query)}")
        with urlopen(request, context=self._context, timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
