"""Re-encode pictures with the conventional codecs and compare with the rows of a `kodek eval`, using none of its code.

    python scripts/recheck.py RESULTS --data DIR [--files 6]

Written from the section "Anchors" of docs/evaluation.md, with Pillow, numpy, scipy and the ffmpeg of imageio-ffmpeg.
Bytes must be equal, PSNR within 0.01 dB, and BD-rates of the mean curves over 28 to 36 dB within 0.2 points.
"""

import argparse
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import imageio_ffmpeg
import numpy as np
from PIL import Image
from scipy.interpolate import PchipInterpolator

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
X265 = "qp={}:keyint=1:info=0:log-level=error:pools=none:frame-threads=1"


def pillow(rgb, kind, **options):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, kind, **options)
    return file.getvalue()


def pillow_back(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def jpeg(rgb, s):
    options = {"quality": int(s), "optimize": True, "subsampling": "4:2:0"}
    baseline, progressive = (pillow(rgb, "JPEG", progressive=p, **options) for p in (False, True))
    return progressive if len(progressive) < len(baseline) else baseline


def webp(rgb, s):
    return pillow(rgb, "WEBP", quality=s, method=6)


def avif(rgb, s):
    return pillow(rgb, "AVIF", quality=int(s), speed=6, subsampling="4:2:0", codec="aom", max_threads=1)


def ffmpeg(line, stdin):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "in"), pathlib.Path(folder, "out")
        source.write_bytes(stdin)
        places = {"IN": str(source), "OUT": str(target)}
        command = [FFMPEG, "-v", "error", *(places.get(word, word) for word in line.split())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return target.read_bytes()


def jxl(rgb, s):
    size = f"{rgb.shape[1]}x{rgb.shape[0]}"
    line = f"-f rawvideo -pix_fmt rgb24 -s {size} -i IN -frames:v 1 -color_primaries bt709 -color_trc iec61966-2-1"
    line += f" -c:v libjxl -effort 7 -distance {s:g} -threads 1 -f image2pipe OUT"
    return ffmpeg(line, rgb.tobytes())


def jxl_back(data):
    return pillow_back(ffmpeg("-f jpegxl_pipe -i IN -frames:v 1 -f image2pipe -c:v png -pix_fmt rgb24 OUT", data))


def ten_bits(values):
    return np.clip(np.floor(values + 0.5 + 1e-9), 0, 1023).astype("<u2")


def x265(rgb, s):
    r, g, b = (rgb[..., c].astype(np.float64) for c in range(3))
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    planes = (y, (b - y) / 1.8556, (r - y) / 1.5748)
    raw = b"".join(ten_bits(p * 1023 / 255 + (512 if n else 0)).tobytes() for n, p in enumerate(planes))
    line = f"-f rawvideo -pix_fmt yuv444p10le -s {rgb.shape[1]}x{rgb.shape[0]} -r 25 -i IN -fps_mode passthrough"
    line += f" -frames:v 1 -c:v libx265 -preset veryslow -tune psnr -x265-params {X265.format(f'{s:g}')}"
    return ffmpeg(f"{line} -f hevc -flags +bitexact OUT", raw)


def x265_back(data, shape):
    raw = ffmpeg("-f hevc -i IN -frames:v 1 -f rawvideo -pix_fmt yuv444p10le OUT", data)
    y, u, v = np.frombuffer(raw, "<u2").reshape(3, *shape[:2]).astype(np.float64)
    y, cb, cr = y * 255 / 1023, (u - 512) * 255 / 1023, (v - 512) * 255 / 1023
    r, b = y + 1.5748 * cr, y + 1.8556 * cb
    g = (y - 0.2126 * r - 0.0722 * b) / 0.7152
    return np.clip(np.floor(np.stack([r, g, b], -1) + 0.5 + 1e-9), 0, 255)


CODECS = {
    "jpeg": (jpeg, lambda data, _: pillow_back(data)),
    "webp": (webp, lambda data, _: pillow_back(data)),
    "avif": (avif, lambda data, _: pillow_back(data)),
    "jxl": (jxl, lambda data, _: jxl_back(data)),
    "x265-intra": (x265, x265_back),
}


def bd_rate(curve, anchor, low=28.0, high=36.0):
    """Mean difference of log-rates over the interval; points that a cheaper one beats are left out."""
    areas = []
    for points in (curve, anchor):
        kept = []
        for rate, psnr in sorted(points):
            if not kept or psnr > kept[-1][1]:
                kept.append((rate, psnr))
        rates, psnrs = np.array(kept).T
        if psnrs[0] > low or psnrs[-1] < high:
            return None
        areas.append(PchipInterpolator(psnrs, np.log(rates)).integrate(low, high))
    return 100 * (np.exp((areas[0] - areas[1]) / (high - low)) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--files", type=int, default=6)
    options = parser.parse_args()
    rows = [json.loads(line) for line in (options.results / "rows.jsonl").read_text().splitlines()]
    files = sorted({row["file"] for row in rows})
    files = files[:: max(1, len(files) // options.files)][: options.files]
    wrong = compared = 0
    worst = 0.0
    theirs, ours = {}, {}
    for row in rows:
        if row["file"] not in files or "error" in row:
            continue
        pixels = row["width"] * row["height"]
        at = theirs.setdefault(row["codec"], {}).setdefault(row["setting"], [])
        at.append((8 * row["bytes"] / pixels, row["measures"]["psnr"]))
        if row["codec"] not in CODECS:
            continue
        rgb = np.asarray(Image.open(options.data / row["file"]).convert("RGB"))
        encode, decode = CODECS[row["codec"]]
        data = encode(rgb, row["setting"])
        error = np.mean((rgb.astype(np.float64) - decode(data, rgb.shape)) ** 2)
        psnr = 10 * np.log10(255**2 / error)
        compared += 1
        worst = max(worst, abs(psnr - row["measures"]["psnr"]))
        if len(data) != row["bytes"] or abs(psnr - row["measures"]["psnr"]) > 0.01:
            wrong += 1
            print(f"{row['codec']} {row['setting']:g} {row['file']}: {len(data)} bytes, {psnr:.4f} dB; "
                  f"the row has {row['bytes']}, {row['measures']['psnr']:.4f}")  # fmt: skip
        ours.setdefault(row["codec"], {}).setdefault(row["setting"], []).append((8 * len(data) / pixels, psnr))
    print(f"{compared} rows of {len(files)} files compared, {wrong} differ; PSNR at most {worst:.5f} dB apart")
    mean = {
        who: {codec: [tuple(np.mean(points, 0)) for points in found.values()] for codec, found in curves.items()}
        for who, curves in (("theirs", theirs), ("ours", ours))
    }
    # of all of kodek only the number under test
    from kodek.eval.bd import bd_rate as kodek_bd_rate
    from kodek.eval.errors import EvalError

    for codec in mean["ours"]:
        for anchor in mean["ours"]:
            mine = bd_rate(mean["ours"][codec], mean["ours"][anchor]) if codec != anchor else None
            if mine is None:
                continue
            try:
                their = kodek_bd_rate(mean["theirs"][codec], mean["theirs"][anchor])
            except EvalError as error:
                print(f"{codec} against {anchor}: {mine:+.2f} %, kodek refuses: {error}")
                continue
            wrong += abs(mine - their) > 0.2
            print(f"{codec} against {anchor}: {mine:+.2f} %, kodek {their:+.2f} %")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
