"""What can go wrong with a .kdk file: one type per kind of answer, each message one clear sentence."""


class CodecError(ValueError):
    """The common base."""


class FormatError(CodecError):
    """Not a .kdk file, or one whose header breaks the rules of `docs/format.md`."""


class DamagedError(CodecError):
    """Bytes are missing, changed or too many: a checksum differs, or the payload contradicts itself."""


class VersionError(CodecError):
    """The file (or a weights file) uses something that only a newer kodek knows."""


class UnknownModelError(CodecError):
    """The weights that the file or the user names are not on this machine."""


class LimitError(CodecError):
    """The header claims more than `Limits` allows."""


class MismatchError(CodecError):
    """The decoded symbols are not those that were encoded: this machine computed other tables."""


class TargetError(CodecError):
    """No quality of the codec meets the size, rate or fidelity that was asked for."""


class UnsupportedError(CodecError):
    """The model can't do what was asked for."""


class CheckpointError(CodecError):
    """A file to import holds no model, another one than was said, or one that can't be made exact."""
