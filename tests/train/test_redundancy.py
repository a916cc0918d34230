"""What the past tells of latents, for processes of which it is known."""

from __future__ import annotations

import math

import pytest
import torch
from kodek.train.redundancy import EARLY, NOISE, Redundancy

LATENT = 4


def process(memory: float, seed: int = 0) -> torch.Tensor:
    """Each value is `memory` times the one before and noise, of variance 1: [B, T, LATENT]."""
    noise = torch.randn(200, 12, 50, LATENT, generator=torch.Generator().manual_seed(seed))
    values = [noise[:, :, 0]]
    for t in range(1, 50):
        values.append(memory * values[-1] + math.sqrt(1 - memory**2) * noise[:, :, t])
    return torch.stack(values, 2)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_known_process(memory: float) -> None:
    redundancy = Redundancy(LATENT)
    found = torch.stack([redundancy(z) for z in process(memory)])
    assert not found[:EARLY].any()
    past, cross = torch.tensor([[1, memory], [memory, 1]]), torch.tensor([memory, memory**2])
    weights = torch.linalg.solve(past + NOISE * torch.eye(2), cross)
    error = float(1 - 2 * weights @ cross + weights @ past @ weights)
    bits = LATENT * 0.5 * math.log2((1 + NOISE) / (error + NOISE))
    assert float(found[-50:].mean()) == pytest.approx(bits, rel=0.2, abs=0.05)  # less, for the crops' means


def test_rises_along_its_gradient() -> None:
    redundancy, pieces = Redundancy(LATENT), process(0.5)
    for z in pieces[:100]:
        redundancy(z)
    z = pieces[100].clone().requires_grad_()
    before = redundancy(z)
    (slope,) = torch.autograd.grad(before, z)
    assert redundancy((z + 0.1 * slope / slope.norm() * z.norm()).detach()) > before


def test_silence() -> None:
    redundancy = Redundancy(LATENT)
    for _ in range(EARLY + 2):
        bits = redundancy(torch.full((3, 50, LATENT), 0.5, requires_grad=True))
    assert float(bits.detach()) == pytest.approx(0, abs=1e-3)


def test_scale_and_mean_do_not_matter() -> None:
    plain, moved = Redundancy(LATENT), Redundancy(LATENT)
    for z in process(0.7)[:60]:
        a, b = plain(z), moved(100 * z + 5)
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
