"""What can go wrong in a training run, in one sentence each."""


class TrainError(ValueError):
    """A run that can't start or go on: a bad recipe, no data, no space, numbers that are no numbers."""


class Interrupted(KeyboardInterrupt):
    """A run stopped by Ctrl-C or SIGTERM after its checkpoint was written; its text says how to continue."""
