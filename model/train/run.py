"""What every stage of training shares: a folder that holds a checkpoint, averaged weights and a log."""

import atexit
import copy
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

SAVE_EVERY = 100  # steps


def half_precision() -> torch.autocast:
    """Products in bfloat16, sums and losses in float32: 1.3 to 2.7 times faster on a CPU that has it."""
    return torch.autocast("cuda" if torch.cuda.is_available() else "cpu", torch.bfloat16)


class Run:
    """One network being trained: AdamW with warm-up and cosine decay, EMA, resumable checkpoint.

    The checkpoint FOLDER/NAME.pt holds the network, its moving average, optimiser and step;
    `FOLDER/NAME.csv` and `FOLDER/tensorboard/NAME` hold the losses.

    Under `torchrun` every process has a device of its own and draws its share of the batch; `update`
    averages their gradients. Not by DistributedDataParallel: stages call more than `forward`, and for
    networks of 10 M parameters one exchange after the backward pass is quick.

    All that a step draws from `rng` and from torch follows from seed, step and process: a run that was
    stopped goes on as if it had not been, without any generator's state in the checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        network: nn.Module,
        parameters: list[dict],
        steps: int,
        ema: float = 0.999,
        seed: int = 0,
    ):
        # here, because export reads weights with this file and needs neither
        from accelerate import Accelerator
        from torch.utils.tensorboard import SummaryWriter

        self.processes = Accelerator(cpu=not torch.cuda.is_available())
        if self.processes.num_processes > 1:  # its threads must not outlive the interpreter, which would abort
            atexit.register(self.processes.end_training)
        self.device, self.is_main = self.processes.device, self.processes.is_main_process
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.log_path = folder / f"{name}.pt", folder / f"{name}.csv"
        self.network, self.average, self.ema = network.to(self.device), copy.deepcopy(network), ema
        self.average.requires_grad_(False)
        self.optimiser = torch.optim.AdamW(parameters, weight_decay=1e-2, betas=(0.9, 0.99))
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.step, self.steps, self.started = 0, steps, time.monotonic()
        self.seed, self.rng = seed, np.random.default_rng(seed)
        if self.path.exists():
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]
        self._agree()
        self.board = SummaryWriter(folder / "tensorboard" / name, purge_step=self.step) if self.is_main else None
        if self.is_main:
            forget_rows(self.log_path, self.step)

    def __iter__(self) -> Iterator[int]:
        """Step numbers left to do; saves every 100 steps and at the end."""
        with tqdm(
            total=self.steps, initial=self.step, desc=self.path.stem, mininterval=5, disable=not self.is_main
        ) as bar:
            while self.step < self.steps:
                self._draw()
                yield self.step
                self.step += 1
                bar.update()
                if self.step % SAVE_EVERY == 0 or self.step == self.steps:
                    self.save()
        if self.board:
            self.board.close()

    def share(self, batch: int) -> int:
        """How many of a batch this process draws."""
        count = self.processes.num_processes
        if batch % count:
            raise ValueError(f"a batch of {batch} can't be shared by {count} processes; choose a multiple")
        return batch // count

    def place(self, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        """The tensors on this process's device."""
        return tuple(x if x is None else x.to(self.device, non_blocking=True) for x in tensors)

    def update(self, loss: Tensor, **parts: float) -> None:
        """One optimiser step on `loss`, the mean of this process's share; then the moving average and the log."""
        progress = self.step / self.steps
        warm = min(1.0, (self.step + 1) / 100)
        decay = 0.02 + 0.98 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * progress)).item())
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * warm * decay
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        learned = [p for g in self.optimiser.param_groups for p in g["params"]]
        self._average_gradients(learned)
        norm = nn.utils.clip_grad_norm_(learned, 1.0)
        self.optimiser.step()
        keep = min(self.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for averaged, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
                averaged.lerp_(current, 1 - keep)
        figures = torch.tensor([loss.item(), *parts.values()], device=self.device)
        row = zip(("loss", *parts), self.processes.reduce(figures, "mean").tolist(), strict=True)
        if self.is_main:
            self.log({"step": self.step, "grad": norm.item(), **dict(row)})

    def log(self, row: dict[str, float]) -> None:
        fresh = not self.log_path.exists()
        with self.log_path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow([*row, "seconds"])
            writer.writerow([f"{v:.5g}" for v in row.values()] + [f"{time.monotonic() - self.started:.0f}"])
        for name, value in row.items():
            if name != "step":
                self.board.add_scalar(name, value, self.step)

    def save(self) -> None:
        if self.is_main:
            state = {
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
            }
            partial = self.path.with_suffix(".partial")
            torch.save(state, partial)
            partial.replace(self.path)
        self.processes.wait_for_everyone()  # or the next stage reads what is not there yet

    def _draw(self) -> None:
        """Every generator where this step of this process begins."""
        seeds = np.random.SeedSequence((self.seed, self.step, self.processes.process_index))
        self.rng.bit_generator.state = np.random.PCG64(seeds).state
        torch.manual_seed(int(seeds.generate_state(1)[0]))

    def _agree(self) -> None:
        """Every process begins with the main one's weights."""
        if self.processes.num_processes > 1:
            from accelerate.utils import broadcast

            with torch.no_grad():
                for network in (self.network, self.average):
                    for tensor in network.state_dict().values():
                        tensor.copy_(broadcast(tensor))

    def _average_gradients(self, learned: list[nn.Parameter]) -> None:
        if self.processes.num_processes > 1:
            gradients = [p.grad for p in learned if p.grad is not None]
            flat = self.processes.reduce(torch.cat([g.flatten() for g in gradients]), "mean")
            for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(mean.view_as(gradient))


def forget_rows(log: Path, step: int) -> None:
    """Take out of a log what was done after the checkpoint: it will be done again."""
    if log.exists():
        with log.open(newline="") as file:
            head, *rows = csv.reader(file)
        with log.open("w", newline="") as file:
            at = head.index("step")
            csv.writer(file).writerows([head, *(row for row in rows if float(row[at]) < step)])


def load_average(folder: Path, name: str, network: nn.Module) -> nn.Module:
    """The trained (averaged) weights of a stage, frozen, in evaluation mode."""
    state = torch.load(folder / f"{name}.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False)
