"""Makes the frozen fixture of a codec: a tiny model and streams of it. Run once; the files are never remade.

    python tests/golden/make.py image-hyperprior

The streams pin the format: a change of kodek that decodes them to other latents breaks every file of its users.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.file import encode_image
from kodek.codecs.image.model import Family, ImageModel, family
from kodek.train.export import export_model
from kodek.train.klt import initialise
from PIL import Image

import kodek

HERE = Path(__file__).parent
WIDTHS = {"width": 16, "latents": 16, "hyper": 8, "context": 16, "analysis_blocks": 1, "synthesis_blocks": 1}
# codec -> folder of the model, settings of its config, prefix of its streams
FIXTURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "image-hyperprior": ("tiny", WIDTHS, ""),
    "image-mlic": (
        "tiny-mlic",
        {**WIDTHS, "width": 12, "latents": 12, "hyper": 4, "context": 12, "slices": (4, 8), "attention": 4},
        "mlic-",
    ),
}
LAMBDAS = (0.001, 0.15)


def photos() -> list[np.ndarray]:
    media = Path(kodek.__file__).parent / "media"
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(media.glob("*.png"))]


def train(kind: Family, settings: dict[str, Any], pictures: list[np.ndarray], steps: int = 400) -> ImageModel:
    torch.manual_seed(0)
    random = np.random.default_rng(0)

    def crops(count: int, size: int = 128) -> torch.Tensor:
        batch = []
        for _ in range(count):
            picture = pictures[random.integers(len(pictures))]
            top, left = (random.integers(side - size + 1) for side in picture.shape[:2])
            batch.append(picture[top : top + size, left : left + size])
        return torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255 - 0.5

    model = ImageModel(kind, kind.config(**settings))
    initialise(model, crops(32), LAMBDAS)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(steps):
        t = torch.rand(4)
        trade_off = LAMBDAS[0] * (LAMBDAS[1] / LAMBDAS[0]) ** t
        x = crops(4)
        x_hat, bits = model(x, t)
        error = (x_hat - x).square().flatten(1).mean(1)
        loss = ((bits / 128**2 + trade_off * 255**2 * error) * trade_off**-0.5).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def main(codec_name: str) -> None:
    torch.set_num_threads(1)
    folder, settings, prefix = FIXTURES[codec_name]
    pictures = photos()
    metadata = {"name": f"{folder}-fixture", "licence": "Apache-2.0", "data": "src/kodek/media", "steps": "400"}
    export_model(
        train(family(codec_name), settings, pictures), HERE / folder, metadata, [p[:96, :128] for p in pictures]
    )
    codec = ImageCodec.load(HERE / folder / "weights.safetensors")
    listed = HERE / "expected.json"
    expected = json.loads(listed.read_text()) if listed.exists() else {}
    shapes = {"rgb": (60, 75, 3), "grey": (33, 20, 1), "cmyk": (20, 50, 4), "one": (1, 1, 3)}
    for (name, (height, width, channels)), quality in zip(shapes.items(), (50, 90, 30, 70), strict=True):
        source = np.concatenate((pictures[0], pictures[0][:, :, 1:2]), 2)
        pixels = np.ascontiguousarray(source[40 : 40 + height, 60 : 60 + width, :channels])
        deep = name == "grey"
        alpha = np.arange(height * width, dtype=np.uint8).reshape(height, width) if name == "rgb" else None
        data = encode_image(codec, pixels.astype(np.uint16) * 257 if deep else pixels, alpha=alpha, quality=quality)
        (HERE / f"{prefix}{name}.kdk").write_bytes(data)
        expected[f"{prefix}{name}"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        decoded = kodek.decode(data, as_="numpy")
        np.save(HERE / f"{prefix}{name}.npy", decoded)
    listed.write_text(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
