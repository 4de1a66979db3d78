"""What the commands that train share: their options, and how samples are numbered."""

import argparse
from collections.abc import Sequence

import cv2
import torch

from .presets import PRESETS

SEEDS = range(10)
SAMPLES_OF_A_SEED = 100_000  # a sample's number is what it is drawn with; kinds of samples lie a million apart


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, choices=SEEDS, default=0, help="of samples, first weights, and every draw")


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """A stage's arguments, with preset, seed and threads, which torch and OpenCV are told."""
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    add_seed(parser)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    return args
