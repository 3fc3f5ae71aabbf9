"""One demo campus and one Chromium for all browser tests of a session; people sign in by the demo's identity provider."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.faults.installation import free_port

ROOT = Path(__file__).parent.parent.parent
SCREENSHOTS = ROOT / "var" / "screenshots"
START_SECONDS = 180.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One test process runs them all, so that one campus is enough; a full set of pages takes its time."""
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.timeout(1800))


class DemoCampus:
    """A running demo. `url` is the career center, `mail_url` its mailbox, `config` its configuration folder."""

    def __init__(self, folder: Path):
        self.folder, port = folder, free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.config = folder / "config"
        self._log = (folder.parent / "demo.log").open("wb")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAREERCENTER_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--port", str(port), "--var", str(folder)], cwd=ROOT, stdout=self._log,
            stderr=self._log, start_new_session=True, env=environment,
        )
        self._wait()
        self.mail_url = self._services() + "/mail/"

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, self.log()
            try:
                if requests.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        raise AssertionError(f"the demo was not ready in {START_SECONDS:.0f} s\n{self.log()}")

    def _services(self) -> str:
        """The address of the identity provider, from the metadata that the campus trusts."""
        metadata = (self.config / "idp-metadata.xml").read_text()
        return metadata.split('entityID="', 1)[1].split('"', 1)[0].rsplit("/", 1)[0] if "entityID" in metadata else ""

    def log(self) -> str:
        return (self.folder.parent / "demo.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._log.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoCampus]:
    """DEMO_FOLDER names a folder in which a demo was made before, so that its people need not be made again."""
    kept = os.environ.get("DEMO_FOLDER")
    campus = DemoCampus(Path(kept) if kept else tmp_path_factory.mktemp("browser") / "campus")
    yield campus
    campus.stop()


class Window:
    """A browser window of one person. `complaints` are errors and warnings of its console, and failed requests."""

    def __init__(self, context: BrowserContext):
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        """A page that is left while it loads breaks off its own requests; that is no fault of the page."""
        if "ERR_ABORTED" not in str(request.failure):
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _hear(self, kind: str, words: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {words}")


Windows = Callable[..., Window]


@pytest.fixture
def window(chromium: Browser, demo: DemoCampus) -> Iterator[Windows]:
    """`window("rmarsh")`: a window in which that person has signed in; `window()`: nobody has. Takes context options."""
    opened: list[BrowserContext] = []

    def open_window(uid: str = "", **options: object) -> Window:
        context = chromium.new_context(base_url=demo.url, reduced_motion="reduce", **options)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        opened.append(context)
        found = Window(context)
        if uid:
            sign_in(found.page, uid)
        return found

    yield open_window
    for context in opened:
        context.close()


def sign_in(page: Page, uid: str) -> None:
    """From our page to the provider's, a click on the person, and back."""
    page.goto("/sign-in")
    page.get_by_role("link", name="sign-in").or_(page.get_by_role("button", name="sign-in")).first.click()
    page.locator(f'button[value="{uid}"]').click()
    page.wait_for_load_state()
    if "/sign-in" in page.url and page.get_by_role("button", name="Continue").count():  # no scripts to carry on by itself
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url(lambda url: "/sign-in" not in url and "/saml" not in url and "/choose" not in url)
