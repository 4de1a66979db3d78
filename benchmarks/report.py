"""The results of end_to_end.py as tables and as bars; run, README's table of those of gpu.py."""

import json
from pathlib import Path
from typing import Any

from stillwave.runtime.memory import format_bytes

LIMITED = "peak memory and its budget, MiB"


def lines(part: str, result: Any) -> list[str]:
    """What the part measured, to be read by people."""
    return {
        "stages": _stages,
        "first-frame": _first_frame,
        "clip": _clip,
        "start": _start,
        "memory": _memory,
        "reading": _reading,
        "growth": _growth,
    }[part](result)


def _stages(result: Any) -> list[str]:
    rows = [f"{'stage':<28}{'median ms':>11}{'p90 ms':>11}{'cpu ms':>11}{'samples':>9}"]
    for group in ("analysis", "frame"):
        for stage, r in result[group].items():
            times = "".join(f"{r[key]:>11.2f}" for key in ("median_ms", "p90_ms", "cpu_ms"))
            rows.append(f"{stage:<28}{times}{r['samples']:>9}")
    return rows


def _first_frame(result: Any) -> list[str]:
    return [f"from the start of a process: {result['median_s']} s"]


def _clip(result: Any) -> list[str]:
    wall, cpu = result["wall"]["median_s"], result["cpu"]["median_s"]
    return [f"{result['frames']} frames to MP4 in a fresh process: {wall} s, processor {cpu} s"]


def _start(result: Any) -> list[str]:
    imported, helped, bare = (result[key]["median_s"] for key in ("import", "help", "python"))
    loaded = ", ".join(result["loaded_by_import"]) or "nothing heavy"
    return [
        f"import stillwave.runtime: {imported} s, loads {loaded}",
        f"stillwave --help: {helped} s, of which an empty Python takes {bare} s",
    ]


def _memory(result: Any) -> list[str]:
    rows = [f"{'size':>10}{'budget':>10}{'peak growth':>14}"]
    refused, least = result["refusal"]["refused"], result["refusal"]["least"]
    for row in [*result["budgets"], refused, least]:
        told = f"{format_bytes(row['peak_bytes']):>14}" if "peak_bytes" in row else f"  {row['refused']}"
        over = "  TOO MUCH" if row.get("is_within") is False else ""
        rows.append(f"{row['size']:>10}{row['budget']:>10}{told}{over}")
    return rows


def _reading(result: Any) -> list[str]:
    rows = [f"{'photo':<24}{'peak growth':>14}{'stated':>14}{'bytes a pixel':>16}{'s':>8}"]
    for r in result:
        over = "  TOO MUCH" if r["peak_bytes"] > r["stated_bytes"] else ""
        peak, stated = format_bytes(r["peak_bytes"]), format_bytes(r["stated_bytes"])
        rows.append(f"{r['photo']:<24}{peak:>14}{stated:>14}{r['bytes_per_pixel']:>16}{r['took_s']:>8}{over}")
    return rows


def _growth(result: Any) -> list[str]:
    return [f"{result['frames']} frames: {result['grown_bytes'] / 1024:.0f} KiB more than after the first"]


def plot(path: Path, result: dict[str, Any]) -> None:
    """Bars of what was measured; without matplotlib, none."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot; pip install matplotlib")
        return
    panels = _panels(result)
    heights = [len(bars) + 2 for bars in panels.values()]
    figure, axes = plt.subplots(
        len(panels), squeeze=False, figsize=(8, 0.3 * sum(heights)), height_ratios=heights, layout="constrained"
    )
    for ax, (title, bars) in zip(axes[:, 0], panels.items(), strict=True):
        if title == LIMITED:
            ax.barh(list(bars), [row["budget_bytes"] / 2**20 for row in _within(result)], color="#dde3ea")
        drawn = ax.barh(list(bars), list(bars.values()), color="#4878a8")
        ax.bar_label(drawn, fmt=lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}", padding=3)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set_title(title, loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(f"written: {path}")


def _panels(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Title -> label -> value, of the parts that were measured."""
    panels: dict[str, dict[str, float]] = {}
    if "stages" in result:
        for group, title in (("analysis", "before the first frame"), ("frame", "a frame")):
            panels[f"{title}, ms"] = {stage: r["median_ms"] for stage, r in result["stages"][group].items()}
    waits: dict[str, float] = {}
    if "first-frame" in result:
        waits["first frame"] = result["first-frame"]["median_s"]
    if "clip" in result:
        frames = result["clip"]["frames"]
        waits |= {f"{frames} frames, {clock}": result["clip"][clock]["median_s"] for clock in ("wall", "cpu")}
    if waits:
        panels["a fresh process, s"] = waits
    if "memory" in result:
        panels[LIMITED] = {f"{r['size']} in {r['budget']}": r["peak_bytes"] / 2**20 for r in _within(result)}
    return panels


def _within(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What was not refused."""
    return [row for row in result["memory"]["budgets"] if "peak_bytes" in row]


NOT_YET = "not yet run on a GPU"


def gpu_table(results: dict[str, Any]) -> str:
    """README's table, a row for each GPU and backend that made frames; `results` by the name of their file."""
    rows = ["| on NVIDIA GPUs | frame, 512 x 288 | photo to 150 frames |", "|---|---|---|"]
    for name, result in sorted(results.items()):
        sections = {n: s["result"] for n, s in result["sections"].items() if s["is_good"]}
        for backend in (n.removeprefix("frame, ") for n in sections if n.startswith("frame, ")):
            us = sections[f"frame, {backend}"]["latency, graph"]["median_us"]
            loop = sections.get(f"loop, {backend}")
            whole = f"{loop['photo_to_loop_ms']:.0f} ms" if loop else "not measured"
            said = f"{result['gpu']['name']}, {backend} ([result](benchmarks/results/{name}))"
            rows.append(f"| {said} | {us / 1e3:.3g} ms | {whole} |")
    if len(rows) == 2:
        rows.append(f"| measured by `python benchmarks/gpu.py` | {NOT_YET} | {NOT_YET} |")
    return "\n".join(rows)


def main() -> None:
    found = Path(__file__).parent.joinpath("results").glob("gpu-*.json")
    print(gpu_table({path.name: json.loads(path.read_text()) for path in found}))


if __name__ == "__main__":
    main()
