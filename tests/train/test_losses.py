import pytest
import torch
from kodek.eval.measures.audio import mel_distance
from kodek.train.losses import SoundLoss, frames


def sounds(count: int, length: int = 6000) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    x = 0.1 * torch.randn(count, length)
    return x + 0.03 * torch.randn_like(x), x


def test_mel_distance_is_that_of_the_evaluation() -> None:
    x_hat, x = sounds(2)
    _, parts = SoundLoss(alternate=False)(x_hat, x)
    expected = mel_distance(x.numpy(), x_hat.numpy(), 24000)
    assert float(parts["mel"]) == pytest.approx(expected, rel=0.02)
    assert SoundLoss().mel_distance(x_hat, x) == pytest.approx(expected, rel=1e-4)


def test_frames_and_their_gradient_are_those_of_the_stft() -> None:
    x = torch.randn(1, 1000, dtype=torch.float64, requires_grad=True)
    window = torch.hann_window(64, dtype=torch.float64)
    ours = torch.fft.rfft(frames(x, 64) * window).transpose(1, 2)
    theirs = torch.stft(x, 64, 16, window=window, return_complex=True)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        *(torch.autograd.grad(y.abs().square().sum(), x, retain_graph=True) for y in (ours, theirs))
    )


def test_gradient_points_where_the_loss_falls() -> None:
    x_hat, x = sounds(2)
    loss = SoundLoss(alternate=False)
    x_hat.requires_grad_()
    before, _ = loss(x_hat, x)
    before.backward()
    slope = x_hat.grad.square().sum()
    step = 1e-4 * float(before.detach()) / float(slope)
    after, _ = loss(x_hat.detach() - step * x_hat.grad, x)
    assert float((before - after).detach()) == pytest.approx(step * float(slope), rel=0.2)


def test_alternating_windows_are_the_same_for_equal_sounds() -> None:
    x_hat, x = (sound.expand(4, -1) for sound in sounds(1))
    torch.testing.assert_close(SoundLoss()(x_hat, x)[1], SoundLoss(alternate=False)(x_hat, x)[1])


def test_the_level_does_not_matter_for_what_is_linear() -> None:
    x_hat, x = sounds(2)
    (_, loud), (_, quiet) = (SoundLoss()(gain * x_hat, gain * x) for gain in (1.0, 0.1))
    for part in ("stft", "wave"):
        torch.testing.assert_close(loud[part], quiet[part])


def test_silence_has_finite_gradients() -> None:
    x_hat = torch.zeros(2, 2000, requires_grad=True)
    loss, _ = SoundLoss()(x_hat, torch.zeros(2, 2000))
    loss.backward()
    assert float(loss.detach()) == 0 and x_hat.grad.isfinite().all()
