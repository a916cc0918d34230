"""What can go wrong in a measurement: each message one clear sentence."""


class EvalError(ValueError):
    """The measurement can't be made from what was given, or needs a library that is not installed."""


class Unavailable(EvalError):
    """A codec, a metric or a judge that this machine lacks: the message says what is missing and how to get it."""
