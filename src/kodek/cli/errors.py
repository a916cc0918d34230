"""What the command line says and returns when something goes wrong."""

from enum import IntEnum

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory")  # torch says it in a RuntimeError


class Code(IntEnum):
    """Exit codes; docs/cli.md explains them."""

    OK = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    STREAM = 4
    NEEDS_OTHER = 5
    OUTPUT = 6
    DIFFERENCE = 7
    TARGET = 8
    PARTIAL = 9
    INTERRUPTED = 130


class Failure(Exception):
    """One sentence for the user, and the exit code that goes with it."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def line(self) -> str:
        """As it is printed."""
        return f"kodek: {self}"


def describe(error: Exception, name: str = "") -> Failure:
    """Any exception as a `Failure`; `name` is the file's, for messages that don't know it."""
    if isinstance(error, Failure):
        return error
    code, sentence = _known(error) or (Code.BUG, "")
    if not sentence:
        what = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        where = f"{name}: " if name else ""
        return Failure(code, f"{where}internal error ({what}); KODEK_DEBUG=1 shows the traceback.")
    if name and name not in sentence:
        sentence = f"{name}: {sentence[:1].lower()}{sentence[1:]}"
    return Failure(code, sentence)


def _known(error: Exception) -> tuple[Code, str] | None:
    import typer
    from safetensors import SafetensorError

    from kodek.codecs import errors as codec
    from kodek.datasets.errors import MediaError, MediaWriteError
    from kodek.eval.errors import EvalError, Unavailable
    from kodek.train.errors import TrainError

    if isinstance(error, typer.TyperException):
        return Code.USAGE, f"{' '.join(error.format_message().split()).rstrip('.')}."
    if isinstance(error, SafetensorError):
        return Code.NEEDS_OTHER, "The weights are damaged or cut off."
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY):
        return Code.STREAM, "There is not enough memory for a file of this size."
    if isinstance(error, OSError) and error.filename is None:  # print: all else names what it opens
        return Code.OUTPUT, f"The standard output can't be written: {error.strerror}."
    codes: tuple[tuple[type[Exception], Code], ...] = (
        (MediaWriteError, Code.OUTPUT),
        (MediaError, Code.INPUT),
        (TrainError, Code.INPUT),
        (Unavailable, Code.NEEDS_OTHER),
        (EvalError, Code.INPUT),
        (codec.UnknownModelError, Code.NEEDS_OTHER),
        (codec.VersionError, Code.NEEDS_OTHER),
        (codec.MismatchError, Code.DIFFERENCE),
        (codec.TargetError, Code.TARGET),
        (codec.UnsupportedError, Code.USAGE),
        (codec.CheckpointError, Code.INPUT),
        (codec.CodecError, Code.STREAM),
    )
    return next(((code, str(error)) for kind, code in codes if isinstance(error, kind)), None)
