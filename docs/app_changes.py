"""Writes what docs/tutorial/move-your-app.md has from the apps in examples/: their changes, and how many lines these are.

    python docs/app_changes.py           # writes the page
    python docs/app_changes.py --check   # exits with 1 if the page is not what this would write

The first argument may be another file.
"""

from __future__ import annotations

import difflib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tutorial/move-your-app.md"
APPS = ("flask_app", "fastapi_app", "gradio_app")
BLOCK = re.compile(r"^```(?P<language>\w+) tutorial(?P<flags>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def read(app: str, side: str, name: str) -> str:
    """Return a file of an app."""
    return (ROOT / "examples" / app / side / name).read_text("utf-8")


def changed(before: str, after: str) -> tuple[int, int]:
    """Return how many lines were removed and added; blank lines do not count."""
    sides = [[line for line in text.splitlines() if line.strip()] for text in (before, after)]
    lines = list(difflib.unified_diff(*sides, lineterm="", n=0))[2:]
    return sum(line.startswith("-") for line in lines), sum(line.startswith("+") for line in lines)


def length(text: str) -> int:
    """Return the number of lines that are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


def first() -> Iterator[str]:
    """Yield the lines of the table of the three apps."""
    yield "| app | Python before | Python after | removed | added | YAML added |"
    yield "|---|---|---|---|---|---|"
    for app in APPS:
        before, after = read(app, "before", "app.py"), read(app, "after", "app.py")
        removed, added = changed(before, after)
        yaml = length(read(app, "after", "turnout.yaml"))
        yield f"| {app} | {length(before)} | {length(after)} | {removed} | {added} | {yaml} |"


def stages(page: str) -> Iterator[str]:
    """Yield turnout.yaml of the Flask app after its move, and after each section of the page that changes it."""
    text = read("flask_app", "after", "turnout.yaml")
    yield text
    for section in re.split(r"^## ", page, flags=re.MULTILINE):
        edited = text
        for block in BLOCK.finditer(section):
            edited = edit(edited, shlex.split(block["flags"]), block["code"])
        if edited != text:
            text = edited
            yield text


def edit(text: str, flags: list[str], code: str) -> str:
    """Return turnout.yaml after a block of the page: lines below another one, or switches of models."""
    for flag in flags:
        key, _, line = flag.partition("=")
        if key == "below":
            return text.replace(f"{line}\n", f"{line}\n{code}", 1)
    for model, backend in re.findall(r"^\$ turnout switch (\w+) (\w+)$", code, re.MULTILINE):
        text = re.sub(rf"(^  {model}:\n(?:    .*\n)*?    backend: )\w+", rf"\g<1>{backend}", text, count=1, flags=re.MULTILINE)
    return text


def steps(page: str) -> Iterator[str]:
    """Yield the lines of the table of the steps."""
    yield "| step | Python removed | Python added | YAML removed | YAML added |"
    yield "|---|---|---|---|---|"
    removed, added = changed(read("flask_app", "before", "app.py"), read("flask_app", "after", "app.py"))
    files = ["", *stages(page)]
    for number, name in enumerate(("call the models by their names", "to ONNX Runtime", "to Triton, with a fallback")):
        python = (removed, added) if number == 0 else (0, 0)
        yield "| " + " | ".join(map(str, (name, *python, *changed(files[number], files[number + 1])))) + " |"


def difference(app: str) -> Iterator[str]:
    """Yield the change of an app as a block."""
    sides = [read(app, side, "app.py").splitlines() for side in ("before", "after")]
    yield "```diff"
    yield from difflib.unified_diff(*sides, f"examples/{app}/before/app.py", f"examples/{app}/after/app.py", lineterm="", n=1)
    yield "```"


def settings(app: str) -> Iterator[str]:
    """Yield turnout.yaml of an app as a block."""
    yield "```yaml no-run"
    yield from read(app, "after", "turnout.yaml").splitlines()
    yield "```"


def render(page: str) -> str:
    """Return the page with its generated blocks as they are now."""
    blocks = {"first": first(), "steps": steps(page)}
    for app in APPS:
        blocks |= {f"diff {app}": difference(app), f"yaml {app}": settings(app)}
    for name, lines in blocks.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise SystemExit(f"the page has no block {name!r}; write {begin.strip()} and {end}")
        page = before + begin + "\n".join(lines) + "\n" + end + after
    return page


def main() -> None:
    """Write or check the page."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    page = Path(arguments[0]) if arguments else PAGE
    text = page.read_text("utf-8")
    current = render(text)
    if "--check" in sys.argv[1:]:
        if text != current:
            raise SystemExit(f"{page} is not what the apps say; run: python docs/app_changes.py")
        return
    page.write_text(current, "utf-8")


if __name__ == "__main__":
    main()
