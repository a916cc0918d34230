import pytest
import torch
from kodek.train.adversary import Adversary, Balancer, Judge
from torch import Tensor

SHARES = {"distance": 1.0, "adversarial": 2.0, "features": 1.0}


def distance(x_hat: Tensor, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    loss = (x_hat - x).abs().mean()
    return loss, {"wave": loss.detach()}


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_shares_of_the_gradient_do_not_depend_on_the_scale_of_a_loss(scale: float) -> None:
    x = torch.zeros(2, 100, requires_grad=True)
    first, second = torch.randn(2, 100), torch.randn(2, 100)
    balancer = Balancer({"a": 3.0, "b": 1.0})
    gradient = balancer({"a": scale * (x * first).sum(), "b": (x * second).sum()}, x)
    expected = 0.75 * first / first.norm(dim=1).mean() + 0.25 * second / second.norm(dim=1).mean()
    torch.testing.assert_close(gradient, expected)


def test_the_balance_follows_the_average_of_norms() -> None:
    x = torch.zeros(1, 10, requires_grad=True)
    balancer = Balancer({"a": 1.0})
    balancer({"a": x.sum()}, x)
    louder = balancer({"a": 10 * x.sum()}, x)
    average = (0.999 + 10) / 1.999  # of norms, the first weighs 0.999
    assert float(louder.norm()) == pytest.approx(10 / average, rel=1e-4)


def test_each_side_learns_from_its_own_loss() -> None:
    torch.manual_seed(0)
    adversary = Adversary(4, SHARES)
    x, decoded = 0.1 * torch.randn(2, 4800), (0.1 * torch.randn(2, 4800)).requires_grad_()
    loss, parts = adversary(decoded, x, distance)
    loss.backward()
    assert set(parts) == {"wave", "discriminator", *SHARES}
    assert all(parameter.grad is not None for parameter in adversary.judges.parameters())
    assert 0.1 < float(decoded.grad.norm(dim=1).mean()) * len(x) < 2
    given = {name: p.grad.clone() for name, p in adversary.named_parameters()}
    adversary.zero_grad()
    loss, _ = Adversary.forward(adversary, decoded.detach(), x, distance)  # its gradient has nothing of the other side
    loss.backward()
    for name, parameter in adversary.named_parameters():
        torch.testing.assert_close(parameter.grad, given[name])


def test_a_discriminator_learns_to_tell_noise_from_tones() -> None:
    torch.manual_seed(0)
    adversary = Adversary(8, SHARES)
    optimizer = torch.optim.Adam(adversary.parameters(), 3e-3)
    tones = 0.3 * torch.sin(torch.arange(4800) * torch.tensor([[0.1], [0.2]]))
    losses = []
    for _ in range(25):
        loss, parts = adversary(0.1 * torch.randn(2, 4800), tones, distance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(parts["discriminator"]))
    assert losses[0] > 1.5 and losses[-1] < 0.5


def test_a_judge_hears_time_and_frequency() -> None:
    logits, features = Judge(512, 4)(torch.randn(3, 4800))
    assert logits.shape[:3] == (3, 1, 4800 // 128 + 1) and len(features) == 5
    assert logits.shape[3] == features[-1].shape[3] < 40
