"""Stands in for pyspeex-noise, which has no wheel for Python 3.14: assist_pipeline only has to import it."""


class AudioProcessor:
    """An audio filter that changes nothing."""

    def __init__(self, auto_gain: float, noise_suppression: int) -> None:
        """Take the settings and need none of them."""

    def Process10ms(self, audio: bytes) -> bytes:
        """Hand 10 ms of audio back as they are."""
        return audio
