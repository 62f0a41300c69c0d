"""Why a delivery is not taken.

BadSignatureError      it is not proved genuine                               401
StaleError             the proof is right, its time is not                    401
KeysUnavailableError   what the proof is held against cannot be fetched now   503
"""


class BadSignatureError(ValueError):
    """The webhook is not proved genuine; the message says why, without its content."""


class StaleError(ValueError):
    """The signature is right, but its timestamp is outside the tolerance."""


class KeysUnavailableError(RuntimeError):
    """The vendor's keys cannot be fetched, so that the delivery is to come again."""
