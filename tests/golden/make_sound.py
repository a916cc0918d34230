"""Makes a frozen fixture of `audio-rvq`: a tiny untrained model, a file and a live stream. Run once, as make.py.

python tests/golden/make_sound.py sound|steady
"""

import sys
from pathlib import Path

import numpy as np
import torch
from kodek.codecs.audio.codec import AudioCodec
from kodek.codecs.audio.file import AudioDecoder, AudioEncoder
from kodek.codecs.audio.live import LiveEncoder
from kodek.codecs.audio.model import AudioModel, Config
from kodek.train.export_sound import export_sound

HERE = Path(__file__).parent
STEADY = {"sound": 0, "steady": 2}
PRIOR = {"rank": 6, "depth": 1, "kernel": 3, "width": 12}
SMALL = {"width": 16, "latent": 8, "analysis_blocks": 1, "synthesis_blocks": 1, "kernel": 3, "codes": 64}
STAGES = 4  # that aren't steady
LENGTH = 27_001  # 1.1 s at 24 kHz


def sound() -> np.ndarray:
    """Tones that come and go and some noise, float32 [1, n]."""
    t = np.arange(LENGTH) / 24000
    tones = sum(np.sin(2 * np.pi * f * t) * np.sin(np.pi * t * i) ** 2 for i, f in enumerate((220, 554, 1760), 2))
    return (0.2 * tones + 0.01 * np.random.default_rng(0).standard_normal(LENGTH))[None].astype(np.float32)


def model(samples: np.ndarray, steady: int) -> AudioModel:
    """Codebooks that fit the sound, and a prior whose contexts matter."""
    torch.manual_seed(0)
    model = AudioModel(Config(stages=steady + 6, steady=steady, prior=PRIOR, **SMALL)).eval()
    with torch.no_grad():
        model.quantiser.start(model.analysis(torch.from_numpy(samples[:, : LENGTH // 480 * 480])))
        for parameter in model.prior.parameters():
            if parameter.ndim == 4:
                torch.nn.init.normal_(parameter, 0, 0.8 / parameter[0].numel() ** 0.5)
        model.synthesis.leave.bias[: model.config.hop + 1] += 4  # to be heard
    return model


def main(name: str) -> None:
    torch.set_num_threads(1)
    samples, steady, folder = sound(), STEADY[name], HERE / f"tiny-{name}"
    facts = {"name": f"tiny-{name}-fixture", "licence": "Apache-2.0", "data": "none", "steps": "0"}
    export_sound(model(samples, steady), folder, facts, [])
    codec = AudioCodec.load(folder / "weights.safetensors")
    encoder = AudioEncoder(codec, 1, 24000, stages=steady + STAGES, tags={"title": "Tönë"})
    encoder.push(samples)
    data = encoder.finish(LENGTH)
    (HERE / f"{name}.kdk").write_bytes(data)
    live = LiveEncoder(codec, 1, 24000, steady + STAGES)
    (HERE / f"{name}.live").write_bytes(live.push(samples) + live.finish(LENGTH))
    np.save(HERE / f"{name}.npy", np.concatenate(list(AudioDecoder(data)), axis=1).astype(np.float16))


if __name__ == "__main__":
    main(sys.argv[1])
