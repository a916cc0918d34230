"""Machine perception: what networks of other people still recognise in what a codec decodes.

A task is a plug-in like any other meter (see `measures.base`), with a judge: a pretrained network that no training of
this project has seen, neither as a loss nor to choose a model by. A network that a training uses must leave here.
"""

from __future__ import annotations

from ..measures.base import Meter
from . import face, imagenet, speaker, speech, text

METERS: tuple[Meter, ...] = (*imagenet.METERS, *text.METERS, *face.METERS, *speech.METERS, *speaker.METERS)
