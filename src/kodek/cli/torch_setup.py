"""What is done once torch may be imported, and not before."""

from .errors import Code, Failure

SOUND_THREADS = 1  # its blocks are small: more threads wait for each other


def set_up(threads: int | None, device: str = "cpu") -> None:
    """Import torch, set its threads and see that it has `device`."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if device == "cpu":
        return
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise Failure(Code.USAGE, f"Torch has no device '{device}' here.") from error
