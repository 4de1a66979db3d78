"""Every network of the edge preset, and of a narrow and shallow paper preset, exported once for all tests."""

from dataclasses import replace

import pytest
import torch

from stillwave.export.graph import graph_from_network
from stillwave.export.networks import Network, Weights, networks_of, random_weights
from stillwave.model import resnet
from stillwave.model.presets import EDGE, PAPER, Preset

SMALL = {
    "image_encoder": {"h": 1, "w": 2},
    "denoiser": {"h": 2, "w": 1},
    "decoder": {"n": 2, "h": 3, "w": 5},
    "decoder_gradient": {"n": 2, "h": 3, "w": 5},
    "pyramid": {"h": 5, "w": 7},
    "synthesis": {"h": 6, "w": 5},
}


@pytest.fixture(scope="session")
def weights() -> Weights:
    torch.set_num_threads(1)
    return random_weights(EDGE)


@pytest.fixture(scope="session")
def networks(weights) -> dict[str, Network]:
    return {network.name: network for network in networks_of(EDGE, weights)}


class Graphs(dict[str, bytes]):
    """Serialised graphs by name, so that no test changes another's; each is exported when first asked for."""

    def __init__(self, networks: dict[str, Network]):
        super().__init__()
        self.networks = networks

    def __missing__(self, name: str) -> bytes:
        self[name] = graph_from_network(self.networks[name]).SerializeToString()
        return self[name]


@pytest.fixture(scope="session")
def graphs(networks) -> Graphs:
    return Graphs(networks)


@pytest.fixture(scope="session")
def narrow() -> Preset:
    """The paper's preset with few channels."""
    return replace(
        PAPER,
        autoencoder_channels=(16, 16, 32),
        denoiser_channels=(16, 32, 32),
        denoiser_blocks=1,
        denoiser_attention=(False, True, True),
        pyramid_channels=(24, 16, 32),
    )


@pytest.fixture(scope="session")
def narrow_weights(narrow) -> Weights:
    """Of a trunk with one block a stage."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "STAGES", tuple((channels, 1, stride) for channels, _, stride in resnet.STAGES))
        return random_weights(narrow)


@pytest.fixture(scope="session")
def narrow_networks(narrow, narrow_weights) -> dict[str, Network]:
    return {network.name: network for network in networks_of(narrow, narrow_weights)}


@pytest.fixture(scope="session")
def narrow_graphs(narrow_networks) -> Graphs:
    return Graphs(narrow_networks)


@pytest.fixture(params=SMALL)
def network(request, networks) -> Network:
    return networks[request.param]


@pytest.fixture
def graph(network, graphs) -> bytes:
    return graphs[network.name]


@pytest.fixture
def small(network) -> dict[str, int]:
    """The symbols of a small size, other than the one the network was traced at."""
    return SMALL[network.name]
