"""What decoded sound should cost: mel distance, complex spectra and the wave itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from kodek.datasets.mel import FLOOR, MELS, mel_filters
from torch import Tensor, nn

COMPLEX = (256, 1024, 2048)  # windows whose complex spectra are compared
QUIET = 0.003  # RMS below which a sound counts no further: -50 dB of full scale
OVERLAP = 4  # windows that hold each sample


class SoundLoss(nn.Module):
    """15 x mel distance + complex distance + 0.1 x wave distance, float32 [B, n] of full scale 1 each -> scalar, parts.

    mel: the multi-scale mel distance of DAC (Kumar et al. 2023), but that the floor is added to the magnitudes instead
    of cutting them off, since what is cut off learns nothing. stft: mean absolute difference of real and imaginary
    parts. wave: of samples. The last two are relative to the level of each sound, so that quiet ones count as much as
    loud ones, unless they are near silence. n is 1025 at least.

    alternate: every other sound sees every other window: the same on average, in half the time.

    Raises MediaError if torchaudio is not installed.
    """

    def __init__(
        self, rate: int = 24000, mel: float = 15.0, stft: float = 1.0, wave: float = 0.1, alternate: bool = True
    ) -> None:
        super().__init__()
        self.weights = {"mel": mel, "stft": stft, "wave": wave}
        self.alternate = alternate
        for window in MELS:
            self.register_buffer(f"hann{window}", torch.hann_window(window), persistent=False)
            self.register_buffer(f"filters{window}", mel_filters(window, rate), persistent=False)

    @torch.compiler.disable  # of complex numbers and strides the compiler makes slower code
    def forward(self, x_hat: Tensor, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(x.device.type, enabled=False):
            x_hat, x = x_hat.float(), x.float()
            level = x.square().mean(1).sqrt().clamp(min=QUIET)
            step = 2 if self.alternate and len(x) > 1 else 1
            mel, stft = [], []
            for i, window in enumerate(MELS):
                chosen = slice(i % step, None, step)
                with torch.no_grad():
                    wanted = self._spectrum(x[chosen], window)
                    wanted_mel = self._log_mel(*wanted, window)
                given = self._spectrum(x_hat[chosen], window)
                mel.append((self._log_mel(*given, window) - wanted_mel).abs().mean())
                if window in COMPLEX:
                    difference = sum((a - b).abs().mean((1, 2)) for a, b in zip(given, wanted, strict=True))
                    stft.append((difference / (level[chosen] * self._hann(window).norm())).mean())
            wave = ((x_hat - x).abs().mean(1) / level).mean()
        parts = {"mel": torch.stack(mel).sum(), "stft": torch.stack(stft).mean(), "wave": wave}
        loss = torch.stack([self.weights[name] * part for name, part in parts.items()]).sum()
        return loss, {name: part.detach() for name, part in parts.items()}

    @torch.no_grad()
    def mel_distance(self, x_hat: Tensor, x: Tensor) -> float:
        """DAC's distance exactly, for measurements. float32 [B, n]; short sounds are continued with silence."""
        x_hat, x = (F.pad(sound, (0, max(0, max(MELS) - sound.shape[1]))) for sound in (x_hat, x))
        total = 0.0
        for window in MELS:
            logs = [self._mel(*self._spectrum(sound, window), window).clamp(min=FLOOR).log10() for sound in (x_hat, x)]
            total += float((logs[0] - logs[1]).abs().mean())
        return total

    def _spectrum(self, x: Tensor, window: int) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, float32 [B, frames, window / 2 + 1] each."""
        return _RealFFT.apply(frames(x, window) * self._hann(window))  # type: ignore[return-value]

    def _log_mel(self, real: Tensor, imaginary: Tensor, window: int) -> Tensor:
        return (self._mel(real, imaginary, window) + FLOOR).log10()

    def _mel(self, real: Tensor, imaginary: Tensor, window: int) -> Tensor:
        magnitudes = (real.square() + imaginary.square() + 1e-14).sqrt()
        return magnitudes @ self.get_buffer(f"filters{window}")

    def _hann(self, window: int) -> Tensor:
        return self.get_buffer(f"hann{window}")


def frames(x: Tensor, window: int) -> Tensor:
    """[B, n] -> [B, n // hop + 1, window]: a quarter of a window apart, reflected at both ends, as `torch.stft` does.

    By concatenation, since the gradient of `Tensor.unfold` is several times slower on a CPU.
    """
    hop = window // OVERLAP
    padded = F.pad(x[:, None], (window // 2, window // 2), mode="reflect")[:, 0]
    chunks = padded[:, : padded.shape[1] // hop * hop].unflatten(1, (-1, hop))
    count = chunks.shape[1] - OVERLAP + 1
    return torch.cat([chunks[:, i : i + count] for i in range(OVERLAP)], 2)


class _RealFFT(torch.autograd.Function):
    """`torch.fft.rfft` as two planes; its gradient is a real transform too, not a complex one."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> tuple[Tensor, Tensor]:
        spectrum = torch.fft.rfft(x)
        return spectrum.real.contiguous(), spectrum.imag.contiguous()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        spectrum = torch.complex(*gradients)
        spectrum[..., [0, -1]] *= 2  # all other frequencies stand for their mirror images too
        return torch.fft.irfft(spectrum, norm="forward").div_(2)
