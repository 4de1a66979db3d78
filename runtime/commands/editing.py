"""The editing options become an `Edit`: what `animate`, `predict`, `render`, `explore`, `look` share."""

import argparse

from ..edit import Edit


def edit_from(args: argparse.Namespace) -> Edit:
    return Edit(args.gain, args.wind, args.wind_direction, args.mask)
