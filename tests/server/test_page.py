"""The page, in a browser."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import httpx
import pytest

webdriver = pytest.importorskip("selenium.webdriver")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COMMAND = ("-c", "import sys; from nlparch.cli import serve; sys.exit(serve())")
# A folder to look at what the page looks like, if one is named.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture
def new_browser(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(*flags):
            options = webdriver.ChromeOptions()
            options.binary_location = BROWSER
            options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
            for flag in (*FLAGS, *flags, f"--user-data-dir={tmp_path / 'chromium'}"):
                options.add_argument(flag)
            browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
            stack.callback(browser.quit)
            return browser

        yield start


@pytest.fixture
def server(new_server, new_folder):
    return new_server(f"people={new_folder('a')}", f"firms={new_folder('b', label='ORG')}")


def wait(browser, is_so):
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    # The page may put a new element in the place of one between its being found and its being read.
    return WebDriverWait(browser, 20, ignored_exceptions=[StaleElementReferenceException]).until(lambda _: is_so())


def find(browser, css):
    return browser.find_elements("css selector", css)


def status(browser):
    return find(browser, "#status")[0].text


def open_page(browser, server):
    browser.get(f"{server.url}/")
    wait(browser, lambda: find(browser, "#model option"))


def ask(browser, text):
    """Types a text and asks for its tags, by keyboard alone."""
    from selenium.webdriver.common.keys import Keys

    box = find(browser, "#text")[0]
    browser.execute_script(
        "arguments[0].value = arguments[1]; document.getElementById('status').textContent = ''", box, text
    )
    box.send_keys(Keys.CONTROL, Keys.ENTER)
    wait(browser, lambda: status(browser))


def marked(browser):
    return [tuple(mark.text.rsplit(" ", 2)) for mark in find(browser, "mark")]


def test_entities_are_marked_in_place(new_browser, server):
    browser = new_browser()
    open_page(browser, server)
    text = "Ann 👩‍👩‍👧 met 🎉 Bo\n\n  in é Oslo"
    ask(browser, text)
    shown = browser.execute_script(
        "const copy = document.getElementById('text-out').cloneNode(true);"
        "copy.querySelectorAll('small').forEach((tag) => tag.remove()); return copy.textContent"
    )
    assert shown == text
    assert [entity[0] for entity in marked(browser)] == ["Ann", "Bo", "Oslo"]
    assert [entity[1:] for entity in marked(browser)] == [("PER", "0.33"), ("PER", "0.50"), ("PER", "0.25")]
    assert status(browser).startswith("3 entities in ") and " ms of it in the server" in status(browser)
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_models_are_switched(new_browser, server):
    browser = new_browser()
    open_page(browser, server)
    assert [option.text for option in find(browser, "#model option")] == ["people (fp32)", "firms (fp32)"]
    ask(browser, "Ann")
    find(browser, "#model")[0].send_keys("firms")
    wait(browser, lambda: marked(browser) == [("Ann", "ORG", "0.33")])


def test_a_classifier_shows_its_labels_and_reads_a_second_text(
    new_browser, new_server, new_classifier, decided, tmp_path
):
    from nlparch.export.folder import export_model

    for name, has_pairs in (("single", False), ("pairs", True)):
        export_model(decided(new_classifier(has_pairs=has_pairs))).write(tmp_path / name)
    browser, server = new_browser(), new_server(tmp_path / "single", tmp_path / "pairs", command=COMMAND)
    open_page(browser, server)
    assert find(browser, "#verb")[0].text == "Classify" and not find(browser, "#pair")[0].is_displayed()
    ask(browser, "Ann flew to Oslo")
    shown = [tuple(item.text.split("\n")) for item in find(browser, "#labels li")]
    answer = server.predict("Ann flew to Oslo").json()["predictions"][0]
    assert shown == [(label, f"{share:.4f}") for label, share in answer["probabilities"].items()]
    assert find(browser, "#labels .chosen")[0].text.startswith(answer["label"])
    assert status(browser).startswith(answer["label"] + " · ")
    find(browser, "#model")[0].send_keys("pairs")
    wait(browser, lambda: find(browser, "#pair")[0].is_displayed())
    find(browser, "#pair")[0].send_keys("Bo flew to Lima")
    ask(browser, "Ann flew to Oslo")
    pair = {"text": "Ann flew to Oslo", "text_pair": "Bo flew to Lima"}
    (answer,) = httpx.post(f"{server.url}/v1/models/pairs:predict", json=pair).json()["predictions"]
    assert status(browser).startswith(answer["label"] + " · ")
    if SCREENSHOTS:
        browser.save_screenshot(str(Path(SCREENSHOTS) / "labels.png"))
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_text_is_shown_and_never_run(new_browser, server):
    browser = new_browser()
    open_page(browser, server)
    text = "<img src=x onerror=\"document.title='run'\"> <script>document.title='run'</script> Ann"
    ask(browser, text)
    assert find(browser, "#text-out")[0].text.startswith(text[:-3])
    assert not find(browser, "#text-out img, #text-out script")
    assert browser.title == "nlparch"


def test_everything_is_reached_by_keyboard_and_seen(new_browser, server):
    from selenium.webdriver.common.keys import Keys

    browser = new_browser()
    open_page(browser, server)
    reached = []
    for _ in range(3):
        focused = browser.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.tag_name)
        assert focused.value_of_css_property("outline-style") == "solid", reached
        focused.send_keys(Keys.TAB)
    assert reached == ["text", "model", "go"]


def test_a_refusal_is_told(new_browser, new_server, new_folder):
    browser = new_browser()
    server = new_server(new_folder(), "--max_words", "2", env={"NLPARCH_API_KEY": "secret"})
    browser.get(f"{server.url}/")
    wait(browser, lambda: "API key" in status(browser))
    find(browser, "#key")[0].send_keys("secret")
    ask(browser, "Ann")
    assert marked(browser) == [("Ann", "PER", "0.33")]
    ask(browser, "x x x")
    assert status(browser) == "a text may have 2 words, got 3; send it in parts"
    assert not find(browser, "#result")[0].is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_it_fits_every_screen_in_light_and_dark(new_browser, server, scheme, width):
    browser = new_browser()
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    open_page(browser, server)
    ask(browser, "Ann Lee met Bo, who flew from Oslo to New Delhi with a " + "very" * 40 + " long word for Cy.")
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(json.loads(f"[{colour[4:-1]}]")) < 300) == (scheme == "dark")
    if SCREENSHOTS:
        browser.save_screenshot(str(Path(SCREENSHOTS) / f"{scheme}-{width}.png"))


def test_the_page_of_the_api_shows_every_address(new_browser, server):
    browser = new_browser()
    browser.get(f"{server.url}/docs")
    wait(browser, lambda: find(browser, "details"))
    shown = [summary.text for summary in find(browser, "summary")]
    assert "POST /predict" in [" ".join(text.split()) for text in shown]
    assert len(shown) == 8
    find(browser, "summary")[0].click()
    assert "aggregation_strategy" in find(browser, "details")[0].text
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
