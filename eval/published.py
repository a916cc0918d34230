"""Published rate-distortion points on Kodak: (bits per pixel, PSNR-RGB in dB), means over the 24 pictures.

VTM and mbt2018-mean (CompressAI's weights) are from CompressAI's result files, the others from the tables of their
papers or repositories. VTM's are every few QPs only, so BD-rates against them move by 0.1 points.
"""

from __future__ import annotations

_TEXT = """
vtm          .0482/26.14 .1125/28.49 .2458/31.20 .4905/34.26 .8748/37.42 1.4308/40.42
mbt2018-mean .1239/27.70 .1980/29.36 .3072/31.13 .4606/32.95 .6617/34.97 .9144/36.91 1.2342/38.84 1.6191/40.63
elic         .1235/29.11 .1965/30.70 .3337/32.78 .4908/34.58 .7041/36.49 .8573/37.62
mlic++       .1075/29.16 .1747/30.71 .2721/32.33 .4129/34.17 .5923/35.82 .8025/37.32
lalic        .1148/29.26 .1862/30.85 .2857/32.56 .4258/34.31 .6013/36.10 .8306/37.93
dcae         .1090/29.24 .1750/30.74 .2920/32.68 .4260/34.41 .5930/36.11 .8110/37.87
hpcm-base    .1211/29.40 .1757/30.75 .2729/32.40 .4125/34.21 .5898/36.01 .8209/37.75
hpcm-large   .0951/28.91 .1537/30.45 .2438/32.12 .3778/33.99 .5516/35.85 .7843/37.75
tcm-large    .1550/30.07 .1940/30.85 .3000/32.59 .4430/34.33 .6250/36.15 .8800/38.07
"""


def _parse(line: str) -> tuple[str, list[tuple[float, float]]]:
    name, *points = line.split()
    pairs = (point.split("/") for point in points)
    return name, [(float(rate), float(psnr)) for rate, psnr in pairs]


KODAK = dict(_parse(line) for line in _TEXT.strip().splitlines())

MBT2018_MEAN_Q3 = KODAK["mbt2018-mean"][2]
