"""What the commands that train share."""

import argparse
from itertools import pairwise

import pytest
import torch

from stillwave.model.options import SAMPLES_OF_A_SEED, SEEDS, parse
from stillwave.model.train import cells, distil, pairs


def test_another_seed_has_other_first_weights():
    weights = []
    for seed in ("0", "0", "1"):
        parse(argparse.ArgumentParser(), ["--seed", seed, "--threads", str(torch.get_num_threads())])
        weights.append(torch.nn.Linear(3, 3).weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_another_seed_has_other_samples(tmp_path):
    for seed in (0, 1):
        pairs.main(["-o", str(tmp_path), "--count", "1", "--seed", str(seed)])
    first, other = (pairs.pair_from_file(path, 0)[0] for path in sorted(tmp_path.iterdir()))
    assert (first != other).any()


def test_kinds_of_samples_stay_apart_for_all_seeds():
    firsts = sorted((0, pairs.FIRST_SCENE, cells.FIRST_SCENE, cells.FIRST_STILL, distil.FIRST_SEED))
    assert min(b - a for a, b in pairwise(firsts)) >= SAMPLES_OF_A_SEED * len(SEEDS)


def test_a_seed_that_is_not_numbered_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(argparse.ArgumentParser(), ["--seed", "10"])
    assert "choose from 0, 1" in capsys.readouterr().err
