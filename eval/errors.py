"""What can go wrong in a measurement: one type, each message one clear sentence."""


class EvalError(ValueError):
    """The measurement can't be made from what was given, or needs a library that is not installed."""
