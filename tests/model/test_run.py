"""A run that was stopped, or shared by processes, comes to the weights of one that was not."""

import csv
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from stillwave.model.train.run import Run, forget_rows, load_average

STEPS = 130


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.SiLU(), nn.Dropout(0.2), nn.Linear(16, 1))


def train(folder, stop=None, steps=STEPS):
    """Fit a sum of numbers drawn anew every step; `stop` ends it in the middle."""
    net = network()
    run = Run(folder, "net", net, [{"params": list(net.parameters()), "lr": 1e-2}], steps, ema=0.9, seed=4)
    for step in run:
        if step == stop:
            break
        x = torch.from_numpy(run.rng.normal(size=(16, 6)).astype(np.float32)) + 0.1 * torch.randn(16, 6)
        run.update(nn.functional.mse_loss(net(x), x.sum(1, keepdim=True)), largest=x.max().item())
    return run


def state(folder):
    return torch.load(folder / "net.pt", weights_only=True)


def rows(folder):
    with (folder / "net.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(tmp_path):
    train(tmp_path / "whole")
    train(tmp_path / "stopped", stop=117)
    assert state(tmp_path / "stopped")["step"] == 100
    train(tmp_path / "stopped")
    whole, resumed = state(tmp_path / "whole"), state(tmp_path / "stopped")
    assert whole["step"] == resumed["step"] == STEPS
    for part in ("network", "average"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, resumed[part][name]), (part, name)
    moments = [s["optimiser"]["state"][0]["exp_avg_sq"] for s in (whole, resumed)]
    assert torch.equal(*moments)
    without_time = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows(tmp_path / f)] for f in ("whole", "stopped")
    ]
    assert without_time[0] == without_time[1]


def test_it_learns_and_says_so(tmp_path):
    train(tmp_path)
    log = rows(tmp_path)
    assert [int(row["step"]) for row in log] == list(range(STEPS))
    assert float(log[-1]["loss"]) < 0.5 * float(log[0]["loss"])
    assert set(log[0]) == {"step", "loss", "grad", "largest", "seconds"}
    (events,) = (tmp_path / "tensorboard" / "net").iterdir()
    assert events.stat().st_size > 1000
    averaged = load_average(tmp_path, "net", network())
    assert not averaged.training
    assert torch.equal(averaged[0].weight, state(tmp_path)["average"]["0.weight"])


def test_another_seed_and_another_step_draw_otherwise(tmp_path):
    net = network()
    run = Run(tmp_path, "net", net, [{"params": list(net.parameters()), "lr": 1e-2}], 3, seed=1)
    draws = [(run.rng.random(), torch.rand(()).item()) for _ in run]
    again = Run(tmp_path / "again", "net", net, [{"params": list(net.parameters()), "lr": 1e-2}], 3, seed=1)
    assert [(again.rng.random(), torch.rand(()).item()) for _ in again] == draws
    other = Run(tmp_path / "other", "net", net, [{"params": list(net.parameters()), "lr": 1e-2}], 3, seed=2)
    assert len({x for pair in draws for x in pair} | {other.rng.random() for _ in other}) == 9


def test_rows_after_the_checkpoint_are_forgotten(tmp_path):
    log = tmp_path / "net.csv"
    log.write_text("step,loss\n98,1\n99,2\n100,3\n101,4\n")
    forget_rows(log, 100)
    assert log.read_text().split() == ["step,loss", "98,1", "99,2"]
    forget_rows(tmp_path / "none.csv", 5)


def test_reading_weights_needs_neither_accelerate_nor_tensorboard():
    code = "import sys; sys.modules |= {'accelerate': None, 'tensorboard': None}; import stillwave.model.train.run"
    subprocess.run([sys.executable, "-c", code], check=True)


PROGRAM = """
import sys
from pathlib import Path
import torch
from torch import nn
from stillwave.model.train.run import Run

torch.set_num_threads(1)
folder, steps = Path(sys.argv[1]), 25
rank_seed = int(__import__("os").environ.get("RANK", 0))
torch.manual_seed(rank_seed)  # processes begin with other weights: the main one's count
net = nn.Sequential(nn.Linear(6, 16), nn.SiLU(), nn.Linear(16, 1))
if rank_seed == 0:
    torch.save(net.state_dict(), folder.with_suffix(".start"))
run = Run(folder, "net", net, [{"params": list(net.parameters()), "lr": 1e-2}], steps)
for step in run:
    whole = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
    count, index = run.share(8), run.processes.process_index
    (x,) = run.place(whole[index * count : (index + 1) * count])
    run.update(nn.functional.mse_loss(net(x), x.sum(1, keepdim=True)))
"""


def launch(folder, processes):
    """The program as torchrun starts it, without its agent."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = []
    for rank in range(processes):
        place = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": processes,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        environment = os.environ | ({k: str(v) for k, v in place.items()} if processes > 1 else {})
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(folder)], env=environment, stderr=subprocess.PIPE, text=True
            )
        )
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors


def test_two_processes_learn_what_one_learns_from_the_whole_batch(tmp_path):
    launch(tmp_path / "one", 1)
    launch(tmp_path / "two", 2)
    one, two = state(tmp_path / "one"), state(tmp_path / "two")
    start = torch.load(tmp_path / "one.start", weights_only=True)
    for part in ("network", "average"):
        for name, tensor in one[part].items():
            # float32 sums in another order, through 25 steps of AdamW
            torch.testing.assert_close(two[part][name], tensor, atol=1e-5, rtol=1e-4)
            assert not torch.allclose(tensor, start[name], atol=1e-3)
    assert len(rows(tmp_path / "two")) == 25  # only one process writes
    losses = [[float(row["loss"]) for row in rows(tmp_path / name)] for name in ("one", "two")]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, monkeypatch):
    net = network()
    run = Run(tmp_path, "net", net, [{"params": list(net.parameters()), "lr": 1e-2}], 1)
    assert run.share(7) == 7

    class Two:
        num_processes = 2

    monkeypatch.setattr(run, "processes", Two())
    with pytest.raises(ValueError, match="a batch of 7 can't be shared by 2 processes; choose a multiple"):
        run.share(7)
