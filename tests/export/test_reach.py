"""How many rows a network sees, against those its convolutions add up to."""

import pytest
import torch
from torch import nn

from stillwave.export.graph import ExportError
from stillwave.export.networks import Network
from stillwave.export.reach import reach_rows


def toy(module: nn.Module, rows: str = "h") -> Network:
    return Network("toy", module, {"x": (1, 1, rows, "w")}, {"y": (1, 1, rows, "w")}, {}, {})


class Zoom(nn.Module):
    """Half the size, a convolution there, and back."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = nn.functional.avg_pool2d(x, (2, 1))
        half = nn.functional.conv2d(half, torch.zeros(1, 1, 3, 3), padding=1)  # sees its neighbours all the same
        return nn.functional.interpolate(half, scale_factor=(2.0, 1.0), mode="nearest")


class Downwards(nn.Module):
    """Each row sees five below and none above."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(nn.functional.pad(x, (0, 0, 0, 5)), (6, 1), 1)


@pytest.mark.parametrize(("network", "rows"), [
    (toy(nn.Conv2d(1, 1, 1)), 0),
    (toy(nn.Conv2d(1, 1, 3, padding=1)), 1),
    (toy(nn.Sequential(*[nn.Conv2d(1, 1, 5, padding=2), nn.ReLU()] * 7)), 14),
    (toy(Zoom(), "2*h"), 2),
    (toy(Downwards()), 5),
])  # fmt: skip
def test_rows_beyond_an_edge_that_are_seen(network: Network, rows: int) -> None:
    assert reach_rows(network) == rows


def test_networks_of_edge(networks) -> None:
    assert (reach_rows(networks["pyramid"]), reach_rows(networks["synthesis"])) == (2, 18)


def test_network_that_sees_everything_is_refused() -> None:
    with pytest.raises(ExportError, match="toy sees more than 128 rows; it cannot be tiled"):
        reach_rows(toy(nn.InstanceNorm2d(1)))
