"""What became of the videos, on one page that needs nothing else: first frames, motion maps, reasons, spectrum."""

import base64
import html
from pathlib import Path

import cv2
import numpy as np

from .prepared import load_prepared

MOST_WINDOWS = 6  # of a video, evenly spread, on the page
BRIGHTEST_PX = 4.0  # of a motion map
STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1280px;padding:0 1rem;color:#262a30;background:#fff}
h2{font-size:1rem;margin:1.6rem 0 .4rem}h2 small{font-weight:400;color:#6b7280}
section>div{display:grid;grid-template-columns:repeat(auto-fill,minmax(195px,1fr));gap:12px}
figure{margin:0;border-top:3px solid #2f9e6e}figure.dropped{border-color:#d0603f}figure.dropped img{opacity:.55}
img{width:100%;display:block}figcaption{font-size:12px;line-height:1.35;padding:4px 0}.reason{color:#b3401f}
"""


def write_report(data: Path, videos: list[tuple[dict, list[dict]]], counts: dict) -> None:
    title = f"{counts['kept']} of {counts['windows']} windows kept, of {counts['videos']} videos"
    facts = [f"{counts['loops']} loops", f"{counts['held']} with the camera held still"]
    facts += [f"{count} dropped: {reason}" for reason, count in counts["dropped"].items()]
    facts += [f"{counts['unreadable']} videos not read to their end"]
    sections = "".join(video_section(data, outcome, windows) for outcome, windows in videos)
    page = (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
        f"<p>{html.escape('; '.join(facts))}. Below each first frame: how far each pixel is from its place on "
        f"average, black 0, white {BRIGHTEST_PX:g} px or more on a grid 256 wide.</p>{spectrum(data)}{sections}"
    )
    (data / "report.html").write_text(page, encoding="utf-8")


def video_section(data: Path, outcome: dict, windows: list[dict]) -> str:
    kept = sum(not window["reason"] for window in windows)
    shown = windows
    if len(windows) > MOST_WINDOWS:
        shown = [windows[i] for i in np.linspace(0, len(windows) - 1, MOST_WINDOWS).round().astype(int)]
    more = f", {len(shown)} shown" if len(shown) < len(windows) else ""
    reason = f"<p class=reason>{html.escape(outcome['reason'])}</p>" if outcome["reason"] else ""
    figures = "".join(window_figure(data / "windows" / outcome["video"], window) for window in shown)
    heading = f"<h2>{html.escape(outcome['video'])} <small>{kept} of {len(windows)} kept{more}</small></h2>"
    return f"<section>{heading}{reason}<div>{figures}</div></section>"


def window_figure(place: Path, window: dict) -> str:
    stem = place / f"{window['first']:06d}"
    pictures = image(stem.with_suffix(".jpg").read_bytes())
    activity = stem.with_suffix(".activity.npy")
    if activity.exists():
        level = np.clip(np.load(activity).astype(np.float32) * (255 / BRIGHTEST_PX), 0, 255).astype(np.uint8)
        pictures += image(cv2.imencode(".jpg", cv2.applyColorMap(level, cv2.COLORMAP_INFERNO))[1].tobytes())
    kind = "loop" if window["is_loop"] else "kept"
    said = f"<span class=reason>dropped: {html.escape(window['reason'])}</span>" if window["reason"] else kind
    held = ", camera held" if window["held"] else ""
    figures = window["figures"]
    names = {"camera_share": "above 1 px {:.0%}", "moving_share": "moves {:.1%}", "mean_px": "mean {:.2f} px"}
    facts = ", ".join(form.format(figures[key]) for key, form in names.items() if key in figures)
    dropped = " class=dropped" if window["reason"] else ""
    caption = f"<figcaption>from {window['first']}: {said}{held}<br>{facts}</figcaption>"
    return f"<figure{dropped}>{pictures}{caption}</figure>"


def image(jpeg: bytes) -> str:
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}' alt=''>"


def spectrum(data: Path) -> str:
    """Mean power of each harmonic of the kept windows, in decades, and s_k."""
    clips = load_prepared(data)
    if not clips:
        return ""
    power = np.mean([(clip.volume[1:] ** 2).sum(1).mean((1, 2)) for clip in clips], 0)
    scales = np.load(data / "scales.npy")[1:]
    top = np.ceil(np.log10(power.max()))
    decades = np.clip(np.log10(power + 1e-12) - top + 4, 0, 4) / 4
    bars, step, height = [], 40, 160
    for i, share in enumerate(decades):
        x, tall = 46 + i * step, share * height
        bars.append(
            f"<rect x={x} y={height - tall + 10:.0f} width={step - 4} height={tall:.0f} fill=#4878a8 />"
            f"<text x={x + step / 2 - 2} y={height + 26}>{(i + 1) / 5:.1f}</text>"
            f"<text x={x + step / 2 - 2} y={height + 42} fill=#6b7280>{scales[i]:.3f}</text>"
        )
    axis = "".join(f"<text x=18 y={14 + i * height / 4}>1e{top - i:.0f}</text>" for i in range(5))
    width = 60 + step * len(power)
    return (
        "<h2>Power of each frequency <small>px² a pixel, mean of what is kept; below: Hz, and s_k in px</small></h2>"
        f"<svg width={width} height={height + 50} font-size=11 text-anchor=middle>{axis}{''.join(bars)}</svg>"
    )
