"""Pages in a real browser: a headless Chromium without network, and without a library in between."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

#: Names under which Linux distributions have it; on Debian: apt install chromium.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (Debian: apt install chromium)")

#: No name can be looked up, so nothing comes from the network.
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)


def chromium(page: Path, folder: Path, *options: str) -> str:
    """What a headless Chromium prints about a page; ``folder`` is for its own files."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def asked(page: Path, folder: Path, widths: tuple[int, ...], script: str) -> dict[int, Any]:
    """The answers of a page at some widths (pixels) to a script: a function of its window.

    A window of Chromium is at least 500 pixels wide; a frame in it may have any width.
    """
    source = html.escape(page.read_text(encoding="utf-8"))
    frames = "".join(f'<iframe style="border:0;width:{w}px;height:900px" srcdoc="{source}"></iframe>' for w in widths)
    asking = folder / "asking.html"
    asking.write_text(
        f"""<!doctype html><meta charset="utf-8"><body>{frames}<pre id="answers"></pre><script>
        const ask = {script};
        addEventListener("load", () => {{
          const answers = [...document.querySelectorAll("iframe")].map(frame => ask(frame.contentWindow));
          document.getElementById("answers").textContent = encodeURIComponent(JSON.stringify(answers));
        }});</script></body>""",
        encoding="utf-8",
    )
    found = re.search(r'<pre id="answers">([^<]+)</pre>', chromium(asking, folder, "--disable-gpu", "--dump-dom"))
    assert found, "the page did not answer"
    return dict(zip(widths, json.loads(unquote(found[1])), strict=True))
