"""What a command reports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """The same facts twice: `result` for `--json`, `text` for people."""

    result: dict[str, object]
    text: str
    exit_code: int = 0
