"""The context model of codes: decoder follows encoder, alone or in batches, with and without a past, exactly."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.codecs.audio.prior import Prior, PriorConfig
from kodek.codecs.audio.prior_loss import prior_loss
from kodek.codecs.audio.prior_start import initialise
from kodek.codecs.audio.segments import Segment, decode_segments, encode_segments, stage_bits
from kodek.entropy import StreamError
from kodek.entropy.coder import Estimator, SymbolDecoder
from kodek.entropy.exact import Exact, Float, quantise
from kodek.eval.bench.perturbation import InexactError, Perturbation

CONFIG = PriorConfig(stages=5, codes=40, rank=4, depth=1, kernel=3, width=12)
STEADY = dataclasses.replace(CONFIG, steady=2)


def trainable(config: PriorConfig = CONFIG) -> Prior:
    """A model whose contexts tell a lot."""
    torch.manual_seed(0)
    prior = Prior(config, Float())
    for parameter in prior.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, 0, 0.6 / parameter[0].numel() ** 0.5)
    return prior


def exact(config: PriorConfig = CONFIG) -> Prior:
    prior = Prior(config, Exact())
    quantise(trainable(config), prior)
    return prior


PRIOR, STEADY_PRIOR = exact(), exact(STEADY)


def random_codes(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CONFIG.codes, shape).astype(np.int16)


def steady_codes(*shape: int, seed: int = 0) -> np.ndarray:
    codes = random_codes(*shape, seed=seed)
    codes[:, : STEADY.steady] = codes[:, : STEADY.steady, :1]
    return codes


def likely_codes(channels: int, frames: int, prior: Prior = PRIOR) -> np.ndarray:
    """Codes that the model expects: what it decodes from noise."""
    payload = b"\0" + np.random.default_rng(1).bytes(8 * channels * frames * CONFIG.stages)
    decoder = SymbolDecoder(payload, None, 0)
    return prior.code(decoder, None, (channels, CONFIG.stages, frames)).numpy().astype(np.int16)


def total(segments: list[Segment]) -> int:
    return sum(len(segment.payload) for segment in segments)


@settings(deadline=None, max_examples=30)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 7, 50])), min_size=1, max_size=6),
    channels=st.integers(1, 3),
    past=st.none() | st.tuples(st.integers(0, 5), st.integers(0, 9)),
    profile=st.integers(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(shapes, channels, past, profile, seed):
    codes = [random_codes(channels, s, t, seed=seed + i) for i, (s, t) in enumerate(shapes)]
    before = None if past is None else random_codes(channels, *past, seed=seed)
    coded = encode_segments(PRIOR, codes, profile, before, running=7)
    decoded = decode_segments(PRIOR, [c.payload for c in coded], [c.shape for c in codes], profile, before, running=7)
    for segment, made, original in zip(decoded, coded, codes, strict=True):
        assert isinstance(segment, Segment)
        np.testing.assert_array_equal(segment.codes, original)
        assert segment.hash == made.hash and segment.codes.dtype == np.int16


@settings(deadline=None, max_examples=30)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 7, 50])), min_size=1, max_size=6),
    channels=st.integers(1, 3),
    past=st.integers(0, 9),
)
def test_round_trip_with_steady_stages(shapes, channels, past):
    before = steady_codes(channels, 5, 9)[..., :past]
    codes = [steady_codes(channels, s, t, seed=i) for i, (s, t) in enumerate(shapes)]
    for part in codes if past else []:
        part[:, : STEADY.steady] = before[:, : min(STEADY.steady, part.shape[1]), :1]
    coded = encode_segments(STEADY_PRIOR, codes, 0, before)
    decoded = decode_segments(STEADY_PRIOR, [c.payload for c in coded], [c.shape for c in codes], 0, before)
    for segment, made, original in zip(decoded, coded, codes, strict=True):
        np.testing.assert_array_equal(segment.codes, original)
        assert segment.hash == made.hash


def test_a_steady_stage_costs_one_code_and_none_behind_a_past():
    codes = steady_codes(2, 5, 50)
    (bits,) = stage_bits(STEADY_PRIOR, [codes])
    assert bits.shape == (5,) and 0 < bits[:2].max() < 30 < bits[2:].min()
    held = codes[:, :2]
    (whole,), (behind,) = (encode_segments(STEADY_PRIOR, [held], 0, past) for past in (None, codes))
    assert len(behind.payload) < len(whole.payload)
    for wrong in (random_codes(2, 5, 50), codes + np.eye(5, 50, dtype=np.int16)):
        with pytest.raises(ValueError, match="one code in a segment"):
            encode_segments(STEADY_PRIOR, [wrong], 0)
    with pytest.raises(ValueError, match="one code in a segment"):
        encode_segments(STEADY_PRIOR, [codes], 0, codes + 1)


def test_what_is_steady_tells_of_the_rest():
    codes = steady_codes(1, 5, 20)
    other = codes.copy()
    other[:, 1] += 1
    one, two = stage_bits(STEADY_PRIOR, [codes % CONFIG.codes, other % CONFIG.codes])
    assert one[0] == two[0] and (one[2:] != two[2:]).all()


def test_segments_side_by_side_are_those_coded_alone():
    codes = [random_codes(2, s, t, seed=s) for s, t in ((5, 50), (2, 50), (4, 50), (3, 9), (5, 50), (1, 1))]
    together = encode_segments(PRIOR, codes, 0)
    assert [c.payload for c in together] == [encode_segments(PRIOR, [part], 0)[0].payload for part in codes]
    for part, bits in zip(codes, stage_bits(PRIOR, codes), strict=True):
        np.testing.assert_allclose(bits, stage_bits(PRIOR, [part])[0])


def test_many_segments_at_once_are_cut_into_groups():
    codes = [random_codes(8, 1, 50, seed=i) for i in range(9)]
    coded = encode_segments(PRIOR, codes, 0)
    decoded = decode_segments(PRIOR, [c.payload for c in coded], [c.shape for c in codes], 0)
    assert all(np.array_equal(a.codes, b) for a, b in zip(decoded, codes, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_batches_change_no_byte(threads):
    before = torch.get_num_threads()
    codes = [random_codes(1, 5, 50, seed=i) for i in range(12)]
    try:
        torch.set_num_threads(threads)
        payloads = [c.payload for c in encode_segments(PRIOR, codes, 0)]
    finally:
        torch.set_num_threads(before)
    assert payloads == [encode_segments(PRIOR, [part], 0)[0].payload for part in codes]


def test_lengths_are_the_ideal_and_the_estimate():
    codes = [likely_codes(2, 50), random_codes(2, 5, 49)]
    coded, ideal = encode_segments(PRIOR, codes, 0), stage_bits(PRIOR, codes)
    for part, segment, bits in zip(codes, coded, ideal, strict=True):
        estimator = Estimator(training=False)
        trainable().code(estimator, torch.from_numpy(part).long(), part.shape)
        assert 0 <= len(segment.payload) - bits.sum() / 8 < 4
        assert abs(float(estimator.bits.detach().sum()) / bits.sum() - 1) < 0.01
    assert ideal[0].sum() < 0.85 * ideal[1].sum() * 50 / 49, "contexts tell"


def test_stages_are_embedded():
    """What a stage costs does not depend on the stages above it."""
    codes = random_codes(2, 5, 20)
    (bits,), (cut,) = stage_bits(PRIOR, [codes]), stage_bits(PRIOR, [codes[:, :3]])
    np.testing.assert_array_equal(bits[:3], cut)


def test_the_past_tells_as_far_as_it_reaches():
    codes = random_codes(1, 5, 2)
    past = random_codes(1, 5, 20, seed=1)
    (alone,), (coded,) = encode_segments(PRIOR, [codes], 0), encode_segments(PRIOR, [codes], 0, past)
    assert coded.payload != alone.payload
    near = past.copy()
    near[..., : -CONFIG.past] += 1
    assert encode_segments(PRIOR, [codes], 0, near % CONFIG.codes)[0].payload == coded.payload
    far = past.copy()
    far[..., -CONFIG.past] = (far[..., -CONFIG.past] + 1) % CONFIG.codes
    assert encode_segments(PRIOR, [codes], 0, far)[0].payload != coded.payload
    # stages of the past that a segment does not have tell nothing
    few = encode_segments(PRIOR, [codes[:, :2]], 0, past)[0].payload
    assert few == encode_segments(PRIOR, [codes[:, :2]], 0, past[:, :2])[0].payload
    assert encode_segments(PRIOR, [codes], 0, past[..., :0])[0].payload == alone.payload


def test_damage_is_an_error_or_another_hash():
    codes = [random_codes(1, 5, 10, seed=i) for i in range(3)]
    coded = encode_segments(PRIOR, codes, 0)
    errors = 0
    for place in range(len(coded[1].payload)):
        payload = bytearray(coded[1].payload)
        payload[place] ^= 0x41
        payloads = [coded[0].payload, bytes(payload), coded[2].payload]
        first, second, third = decode_segments(PRIOR, payloads, [c.shape for c in codes], 0)
        assert np.array_equal(first.codes, codes[0]) and np.array_equal(third.codes, codes[2])
        assert isinstance(second, StreamError) or second.hash != coded[1].hash
        errors += isinstance(second, StreamError)
    assert errors > 0.9 * len(coded[1].payload)
    for payload in (b"", b"\xff" * 9, coded[0].payload[:-1], coded[0].payload + b"\0" * 8):
        assert isinstance(decode_segments(PRIOR, [payload], [(1, 5, 10)], 0)[0], StreamError)


@pytest.mark.parametrize("shape", [(1, 0, 3), (1, 6, 3), (1, 2, 0)])
def test_shapes_that_cannot_be(shape):
    with pytest.raises(ValueError, match="1 to 5 stages"):
        decode_segments(PRIOR, [b"\0"], [shape], 0)


def test_codes_that_cannot_be():
    with pytest.raises(ValueError, match="alphabet"):
        encode_segments(PRIOR, [np.full((1, 2, 3), CONFIG.codes, np.int16)], 0)


def decode_perturbed(prior: Prior, payload: bytes, shape: tuple[int, int, int]) -> torch.Tensor:
    mode = Perturbation()
    with torch.inference_mode(), mode, mode.exact_region():
        decoder = SymbolDecoder(payload, None, 0)
        codes = prior.code(decoder, None, shape)
        decoder.finish()
    assert mode.checked > 100
    return codes


def test_every_number_that_selects_a_probability_is_exact():
    codes = random_codes(2, 5, 11)
    (coded,) = encode_segments(PRIOR, [codes], 0)
    assert torch.equal(decode_perturbed(PRIOR, coded.payload, codes.shape), torch.from_numpy(codes).long())

    class Leaky(Exact):
        def leaky_relu(self, x):
            return super().leaky_relu(x * torch.sigmoid(x * 2.0**-24))

    leaky = Prior(CONFIG, Leaky())
    leaky.load_state_dict(PRIOR.state_dict())
    with pytest.raises(InexactError):
        decode_perturbed(leaky, coded.payload, codes.shape)


def test_a_float_twin_computes_the_same_logits():
    class Spy:
        def code_categories(self, values, logits):
            self.logits = logits
            return values

    codes = torch.from_numpy(random_codes(2, 5, 9)).long()
    spies = []
    for prior in (trainable(), PRIOR):
        spies.append(Spy())
        prior.code(spies[-1], codes, tuple(codes.shape))
    ours, exactly = spies[0].logits, spies[1].logits * 2.0**-24
    assert ours.std() > 1
    assert (ours - exactly).abs().max() < 0.02


def test_gradients_reach_every_weight():
    prior = trainable()
    codes = torch.from_numpy(random_codes(3, 5, 60)).long()
    for _ in range(6):  # segments and stages are random
        prior_loss(prior, codes).backward()
    assert not [n for n, p in prior.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_it_starts_from_frequencies_then_vectors_and_learns():
    torch.manual_seed(0)
    prior = Prior(PriorConfig(stages=2, codes=16, rank=8, width=24), Float())
    codes = torch.distributions.Geometric(0.3).sample((16, 2, 60)).long() % 16
    codes[:, 1] = torch.where(torch.rand(16, 60) < 0.7, codes[:, 0], codes[:, 1])  # often, the second stage repeats
    counts = torch.bincount(codes.flatten()) / codes.numel()
    entropy = -(counts * torch.log2(counts.clamp(min=1e-9))).sum()

    @torch.no_grad()
    def bits() -> float:
        estimator = Estimator(training=False)
        prior.code(estimator, codes, tuple(codes.shape))
        return float(estimator.bits.sum()) / codes.numel()

    initialise(prior, codes)
    assert abs(bits() - entropy) < 0.1
    initialise(prior, codes, torch.randn(1, 16, 4).expand(2, -1, -1))
    assert (start := bits()) < 0.95 * entropy
    optimiser = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        prior_loss(prior, codes).backward()
        optimiser.step()
    assert bits() < 0.95 * start


def test_sums_that_could_leave_the_exact_range_are_refused():
    twin = trainable()
    with torch.no_grad():
        twin.contexts[1].near.weight *= 2**18
    with pytest.raises(ArithmeticError, match=r"contexts\.1\.near"):
        quantise(twin, Prior(CONFIG, Exact()))


def test_tables_stay_within_8_bits():
    twin = trainable()
    with torch.no_grad():
        twin.stages[0].table.weight[0, 0] = 100
    prior = Prior(CONFIG, Exact())
    quantise(twin, prior)
    assert prior.stages[0].table.weight[0, 0] == 127
    assert float(twin.stages[0].table().detach()[0, 0]) == 127 / 16
