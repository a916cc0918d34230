"""A toy in place of `AudioCodec`: 1 kHz, 20 samples a frame, whose mean it codes in up to 6 stages of 16 codes.

What a frame decodes to is constant, each stage makes it 16 times finer, and in live streams a frame is coded as the
difference to the frame before, so that a lost packet ruins what follows.
"""

from __future__ import annotations

import numpy as np
from kodek.codecs.audio.model import frames, stage_count
from kodek.codecs.audio.segments import Segment
from kodek.entropy import PROFILES, Decoder, Encoder, StreamError, pmf_tables

CODES = 16


class ToyCodec:
    name = "audio-toy-1"
    generation = b"audiotoy"
    rate, hop, stages, steady = 1000, 20, 6, 0

    def frames(self, samples):
        return frames(samples, self.hop)

    def stages_of(self, quality):
        return stage_count(quality, self.stages)

    def analyser(self, channels, block, stages=stages):
        return ToyAnalyser(self, channels, block, stages)

    def synthesiser(self, channels, block):
        return ToySynthesiser(self, channels)

    def encode_segments(self, codes, profile, past=None):
        return [Segment(encode(part, profile, past), 0, part) for part in codes]

    def decode_segments(self, payloads, shapes, profile, past=None):
        return [decode(payload, shape, profile, past) for payload, shape in zip(payloads, shapes, strict=True)]

    def stage_bits(self, codes):
        return [np.full(part.shape[1], 4.0 * part.shape[0] * part.shape[2]) for part in codes]


class ToyAnalyser:
    def __init__(self, codec, channels, block, stages):
        self.codec, self.block, self.stages = codec, block, stages
        self.waiting = np.zeros((channels, 0), np.float32)
        self.before = np.zeros((channels, codec.hop), np.float32)
        self.pushed = self.made = 0

    def push(self, samples):
        self.pushed += samples.shape[1]
        self.waiting = np.concatenate((self.waiting, samples), 1)
        size = self.block * self.codec.hop
        ready = self.waiting.shape[1] // size * size
        now, self.waiting = self.waiting[:, :ready], self.waiting[:, ready:]
        return self.quantise(now)

    def finish(self):
        left = self.codec.frames(self.pushed) - self.made
        missing = left * self.codec.hop - self.waiting.shape[1]
        return self.quantise(np.pad(self.waiting, ((0, 0), (0, max(0, missing)))))[:, :, :left]

    def quantise(self, x):
        """Frame t codes the mean of the samples that it finishes, those before its own."""
        x, self.before = np.split(np.concatenate((self.before, x), 1), [x.shape[1]], axis=1)
        means = x.reshape(len(x), -1, self.codec.hop).mean(2, dtype=np.float64).clip(-1, 1)
        self.made += means.shape[1]
        codes = np.empty((len(x), self.stages, means.shape[1]), np.int16)
        for stage in range(self.stages):
            codes[:, stage] = np.clip(np.floor((means + 1) * CODES / 2), 0, CODES - 1)
            means = (means - centres(codes[:, stage])) * CODES
        return codes


class ToySynthesiser:
    """One frame late, as the real one is."""

    def __init__(self, codec, channels):
        self.codec, self.channels, self.made = codec, channels, -codec.hop

    def push(self, codes):
        values = sum(centres(codes[:, stage]) / CODES**stage for stage in range(codes.shape[1]))
        return self.out(np.repeat(values, self.codec.hop, axis=1).astype(np.float32))

    def skip(self, frames):
        return self.out(np.full((self.channels, frames * self.codec.hop), 0.5, np.float32))

    def finish(self, length):
        return np.zeros((self.channels, max(0, length - max(0, self.made))), np.float32)

    def out(self, samples):
        early = max(0, min(-self.made, samples.shape[1]))
        self.made += samples.shape[1]
        return samples[:, early:]


def centres(codes):
    return (2 * codes + 1.0) / CODES - 1


def tables(profile):
    return pmf_tables([np.full(CODES, 1 / CODES)], [0], PROFILES[profile].table_bits, False)


def encode(codes, profile, past):
    encoder = Encoder(profile)
    before = 0 if past is None else past[:, : codes.shape[1], -1:]
    symbols = ((codes - before) % CODES).astype(np.int16).ravel()
    encoder.push(symbols, np.zeros(symbols.size, np.uint8), tables(profile))
    return encoder.finish()


def decode(payload, shape, profile, past):
    try:
        decoder = Decoder(payload, profile)
        symbols = decoder.pop(np.zeros(int(np.prod(shape)), np.uint8), tables(profile)).reshape(shape)
        decoder.finish()
    except StreamError as error:
        return error
    before = 0 if past is None else past[:, : shape[1], -1:]
    return Segment(payload, 0, ((symbols + before) % CODES).astype(np.int16))
