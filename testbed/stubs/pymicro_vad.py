"""Stands in for pymicro-vad, which has no wheel for Python 3.14: assist_pipeline only has to import it."""


class MicroVad:
    """A voice detector that hears nothing."""

    def Process10ms(self, audio: bytes) -> float:
        """Say that 10 ms of audio hold no speech."""
        return 0.0
