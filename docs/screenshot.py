"""Take the README's picture of the page: two runs on the demo's digits. ``make screenshot`` runs it.

Starts a demo of its own, which it ends again. Needs Chromium and the built page (``make page``).
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

from evalstream_chromium import NO_CHROMIUM, find_chromium
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

PICTURE = Path(__file__).parent / "page.png"
VIEW = {"d": "digits", "a": "svm", "b": "logreg"}
WIDTH = 1280
#: A README is loaded by many.
MOST_BYTES = 400_000


@contextmanager
def demo() -> Iterator[str]:
    """Run a demo in a folder of its own; give its address once everything is matched.

    Raises
    ------
    RuntimeError
        If it ends by itself; its last words are in the message.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("evalstream")), "demo", "--port", str(port)]
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--folder", f"{folder}/demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if "The page is up" in line:
                    break
            else:
                raise RuntimeError("the demo ended: " + "".join(said[-5:]))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def wait_until_answered(page: Page) -> None:
    """Wait until every part of the page has its answer, the objects of the comparison included."""
    page.locator("[data-flip]").first.wait_for(timeout=60_000)
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # charts move into place, and intervals are asked for last


def take(url: str, picture: Path, scheme: str) -> None:
    """Take the picture: from the top of the page to the end of the curves."""
    program = find_chromium()
    if program is None:
        raise SystemExit(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 2200})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        page.goto(f"{url}/?{urlencode(VIEW)}")
        wait_until_answered(page)
        curves = page.get_by_role("region", name="Confusion matrix").bounding_box()
        assert curves is not None
        height = curves["y"] + curves["height"] + 16
        taken = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()
    # The rare colours are those that mean something: cover them all first, then fit the palette to how common each is.
    image = Image.open(BytesIO(taken)).convert("RGB")
    image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE).save(picture, optimize=True)
    size = picture.stat().st_size
    print(f"{picture}: {size:,} bytes")  # noqa: T201
    if size > MOST_BYTES:
        raise SystemExit(f"the picture has more than {MOST_BYTES:,} bytes; show less of the page")


def main() -> None:
    """Take the picture, of a demo of its own or of a service that runs already."""
    parser = argparse.ArgumentParser(description="Take the README's picture of the page.")
    parser.add_argument("--url", help="of a service with the demo's data; without it, one is started")
    parser.add_argument("--to", type=Path, default=PICTURE)
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    asked = parser.parse_args()
    if asked.url:
        take(asked.url, asked.to, asked.scheme)
        return
    with demo() as url:
        take(url, asked.to, asked.scheme)


if __name__ == "__main__":
    main()
