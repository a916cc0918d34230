"""Codebooks: how they are fitted, and how codes are looked up."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from kodek.codecs.audio.model import AudioModel, Config
from kodek.codecs.audio.quantisers import DECAY, Codebook, ResidualQuantiser, metric
from kodek.codecs.weights import narrow
from kodek.train.export_sound import exported
from kodek.train.measure_sound import perplexity


def recordings(seed: int, offset: float, count: int = 30, frames: int = 200) -> torch.Tensor:
    """[count, frames, 8]: what changes within them is alike, and each differs from the others along one axis."""
    random = torch.Generator().manual_seed(seed)
    within = torch.randn(count, frames, 8, generator=random) * torch.linspace(0.6, 1, 8)
    return within + offset * torch.randn(count, 1, 1, generator=random) * F.one_hot(torch.tensor(0), 8)


def used(quantiser: ResidualQuantiser, z: torch.Tensor) -> torch.Tensor:
    """The perplexity of each stage's codes, as a share of all."""
    stages, codes = len(quantiser.parts), len(quantiser.books[0].usage)
    found = quantiser.encode(z, stages).transpose(0, 1).flatten(1)
    return perplexity(torch.stack([torch.bincount(stage, minlength=codes) for stage in found]))


@pytest.fixture
def quantiser():
    torch.manual_seed(0)
    quantiser = ResidualQuantiser(Config(latent=8, stages=4, codes=64)).eval()
    quantiser.start(recordings(0, 1.5))
    return quantiser


def test_codes_are_looked_up_by_direction_alone():
    torch.manual_seed(0)
    book = Codebook(32, 6).eval()
    book.search.copy_(torch.randn(6, 6))
    x = torch.randn(100, 6)
    cosine = F.cosine_similarity((x @ book.search)[:, None], (book.vectors @ book.search)[None], dim=2)
    assert torch.equal(book.nearest(x), cosine.argmax(1))
    assert torch.equal(book.nearest(5 * x), book.nearest(x))


def test_a_favour_counts_in_half_squared_distances():
    book = Codebook(2, 2).eval()
    book.total.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    x = torch.tensor([[0.5, 0.2]])  # half squared distances of 0.145 and 0.445
    for search in (torch.zeros(2, 2), torch.eye(2)):
        book.search.copy_(search)
        for favour, code in ((0.29, 0), (0.31, 1)):
            assert book.nearest(x, torch.tensor([[0.0, favour]])).item() == code


def test_without_a_metric_codes_are_the_nearest():
    torch.manual_seed(0)
    book = Codebook(32, 6).eval()
    x = torch.randn(100, 6)
    assert torch.equal(book.nearest(x), torch.cdist(x, book.vectors).argmin(1))


def test_what_differs_between_recordings_counts_less():
    z = recordings(0, 4.0)
    mean = z.mean(1, keepdim=True)
    within, between = (z - mean).flatten(0, 1).T.cov(), mean[:, 0].T.cov()
    plain, search = metric(within, between, 0.0), metric(within, between, 10.0)

    def share(matrix: torch.Tensor) -> float:
        """Of a step along the axis on which recordings differ, in all that such steps are along any axis."""
        lengths = matrix.square().sum(1)
        return float(lengths[0] / lengths.sum())

    assert share(plain) == pytest.approx(1 / 8, rel=1e-3) and share(search) < 0.02
    for matrix in (plain, search):
        assert float((matrix.T @ within @ matrix).trace()) == pytest.approx(float(within.trace()), rel=1e-4)


def test_recordings_unlike_those_of_the_start_use_the_codebooks(quantiser):
    strange = recordings(1, 5.0)
    by_metric = used(quantiser, strange)
    for book in quantiser.books:
        book.search.zero_()
    assert by_metric[0] > used(quantiser, strange)[0] + 0.1 and by_metric.min() > 0.5


def test_steady_stages_hold_the_means_of_segments():
    torch.manual_seed(0)
    quantiser = ResidualQuantiser(Config(latent=8, stages=6, steady=2, codes=64)).eval()
    quantiser.start(recordings(0, 3.0))
    z = recordings(1, 3.0, count=4, frames=130)  # segments of 50 and 80 frames
    codes = quantiser.encode(z, 6)
    for segment in (slice(50), slice(50, 130)):
        part = codes[..., segment]
        assert (part[:, :2] == part[:, :2, :1]).all() and (part[:, 2:] != part[:, 2:, :1]).any()
        mean = z[:, segment].mean(1)
        assert (mean - quantiser.decode(part[:, :2])[:, 0]).norm() < 0.3 * mean.norm()
        assert torch.equal(quantiser.encode(z[:, segment], 6, steady=part[:, :2, 0]), part)
    assert torch.equal(quantiser.encode(z, 1), codes[:, :1])
    z_hat, again, _ = quantiser(z, torch.tensor([6, 6, 3, 0]))
    assert torch.equal(again[:2], codes[:2]) and torch.equal(z_hat[3], z[3])
    torch.testing.assert_close(z_hat[2], quantiser.decode(codes[2:3, :3])[0])
    before = quantiser.books[0].usage.sum()
    quantiser.train()(z, torch.tensor([6, 6, 3, 0]))
    learnt = float(quantiser.books[0].usage.sum() - DECAY * before) / (1 - DECAY)
    assert learnt == pytest.approx(3 * 2, abs=0.1)  # segments of the three that are quantised


def test_each_stage_leaves_less(quantiser):
    z = recordings(2, 1.5)
    left = [float((z - quantiser.decode(quantiser.encode(z, count))).square().mean()) for count in range(1, 5)]
    assert left == sorted(left, reverse=True) and left[-1] < 0.3 * float(z.square().mean())


def test_tensors_and_back(quantiser):
    tensors = quantiser.tensors()
    again = ResidualQuantiser(Config(latent=8, stages=4, codes=64)).eval()
    again.load(tensors)
    z = recordings(3, 1.0)
    assert (again.encode(z, 4) == quantiser.encode(z, 4))[:, 0].float().mean() > 0.98  # vectors have 8 bits
    assert {key.split(".")[0] for key in tensors} == {"books", "search"}
    without = {key: value for key, value in tensors.items() if not key.startswith("search.")}
    older = ResidualQuantiser(Config(latent=8, stages=4, codes=64)).eval()
    older.load(without)  # weights of before there was a metric
    codes = older.encode(z, 4)
    assert torch.equal(older.decode(codes), again.decode(codes))


def test_files_do_not_depend_on_how_codes_are_looked_up():
    torch.manual_seed(0)
    prior = {"width": 8, "depth": 1, "kernel": 3, "rank": 4}
    small = {"width": 16, "analysis_blocks": 1, "synthesis_blocks": 1, "kernel": 3}
    model = AudioModel(Config(latent=8, stages=2, codes=32, prior=prior, **small)).eval()
    before = exported(model, "audio-rvq-0")
    model.quantiser.books[0].search.copy_(torch.randn(8, 8))
    after = exported(model, "audio-rvq-0")
    assert not torch.equal(before.quantiser.books[0].search, after.quantiser.books[0].search)
    assert before.generation == after.generation
    model.quantiser.books[0].total.copy_(torch.randn(32, 8))
    assert before.generation != exported(model, "audio-rvq-0").generation


def test_integers_are_stored_in_16_bits_where_all_fit():
    tensors = {"a": torch.tensor([1 - 2**15, 2**15 - 1], dtype=torch.int32), "b": torch.tensor([2**15]).int()}
    kept = narrow(tensors | {"c": torch.zeros(2, dtype=torch.int64), "d": torch.zeros(0).int()})
    assert [kept[key].dtype for key in "abcd"] == [torch.int16, torch.int32, torch.int64, torch.int32]
    assert torch.equal(kept["a"].int(), tensors["a"])
