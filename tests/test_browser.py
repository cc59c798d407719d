"""The page of steps in a real browser: its buttons, slider and keys do what they say, and its script harms nobody."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from npseg.draw import steps

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs Chromium and its driver"),
    # Selenium leaves the pipes of a browser that has ended to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

TRANSPOSED = {"w": [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "stride": 2, "padding": 1, "output_padding": 1}
SUMMED = [[5, 14, 10, 12], [14, 36, 24, 30], [15, 34, 20, 24], [24, 55, 32, 36]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens pages of steps, one below the other, and gives the browser."""

    def opened(*walks):
        page = tmp_path / "page.html"
        page.write_text("\n".join(walk.html() for walk in walks), encoding="utf-8")
        browser.get(page.as_uri())
        return browser

    return opened


def find(browser, css):
    return browser.find_elements("css selector", css)


def press(browser, label):
    browser.find_element("css selector", f"button[aria-label^='{label}']").click()


def shown(browser, css="figure.target td:not(.cropped)"):
    return [cell.text for cell in find(browser, css)]


def type_keys(browser, *keys):
    from selenium.webdriver import Keys

    find(browser, ".npseg-steps")[0].send_keys(*(getattr(Keys, key) for key in keys))


def transposed(**more):
    return steps("conv_transpose", [[1, 2], [3, 4]], **TRANSPOSED, **more)


def test_the_buttons_walk_to_the_output(opened):
    browser = opened(transposed())
    assert shown(browser)[:6] == ["5", "6", "0", "0", "8", "9"]
    for _ in range(3):
        press(browser, "step on")
    assert shown(browser) == [str(v) for row in SUMMED for v in row]
    assert find(browser, ".count")[0].text == "step 4 of 4"
    press(browser, "step back")
    assert find(browser, ".count")[0].text == "step 3 of 4"
    press(browser, "first step")
    assert shown(browser)[:6] == ["5", "6", "0", "0", "8", "9"]
    press(browser, "last step")
    assert shown(browser) == [str(v) for row in SUMMED for v in row]


def test_the_line_reads_the_step_and_the_cells_of_the_step_are_lit(opened):
    walk = transposed()
    browser = opened(walk)
    press(browser, "step on")
    line = find(browser, ".line")[0]
    assert line.text == walk[1].text
    assert line.get_attribute("aria-live") == "polite"
    assert shown(browser, "figure.source td.lit") == ["2"]
    assert shown(browser, "figure.kernel td.lit") == [str(i) for i in range(1, 10)]
    assert len(find(browser, "figure.target td.lit")) == 9
    assert shown(browser, "figure.matrix thead th.lit") == ["2"]
    assert len(find(browser, "figure.matrix td.lit")) == 16


def test_each_view_ends_with_the_output(opened):
    browser = opened(transposed())
    for view, count in (("Gather", 16), ("Matrix", 16), ("Scatter", 4)):
        press(browser, view)
        assert find(browser, ".count")[0].text == f"step 1 of {count}"
        press(browser, "last step")
        rows = [row.text for row in find(browser, "figure.matrix tbody th")]
        assert rows == [str(v) for line in SUMMED for v in line]


def test_the_matrix_view_hides_the_planes_and_lights_a_row(opened):
    browser = opened(transposed(view="matrix"))
    assert not find(browser, "figure.source")[0].is_displayed()
    assert find(browser, "figure.matrix")[0].is_displayed()
    assert len(find(browser, "figure.matrix tbody tr.lit")) == 1


def test_the_keyboard_and_the_slider(opened):
    browser = opened(transposed())
    type_keys(browser, "ARROW_RIGHT", "ARROW_RIGHT")
    assert find(browser, ".count")[0].text == "step 3 of 4"
    type_keys(browser, "ARROW_LEFT")
    assert find(browser, ".count")[0].text == "step 2 of 4"
    type_keys(browser, "END")
    assert find(browser, ".count")[0].text == "step 4 of 4"
    type_keys(browser, "HOME")
    assert find(browser, ".count")[0].text == "step 1 of 4"
    slider = find(browser, "input[type=range]")[0]
    browser.execute_script("arguments[0].value = 3; arguments[0].dispatchEvent(new Event('input'))", slider)
    assert find(browser, ".count")[0].text == "step 3 of 4"
    assert slider.get_attribute("aria-valuetext") == "step 3 of 4"


def test_playing_goes_on_by_itself_and_pauses(opened):
    from selenium.webdriver.support.ui import WebDriverWait

    browser = opened(transposed())
    press(browser, "play")
    WebDriverWait(browser, 10).until(lambda b: find(b, ".count")[0].text == "step 2 of 4")
    press(browser, "pause")
    assert find(browser, "button[aria-label='play']")


def test_two_on_a_page_do_not_meddle(opened):
    browser = opened(transposed(), steps("conv", list("abcd"), list("xyz"), stride=2, padding=1))
    assert len(find(browser, ".npseg-steps[data-ready]")) == 2
    press(browser, "step on")
    assert [count.text for count in find(browser, ".count")] == ["step 2 of 4", "step 1 of 2"]


def test_a_click_on_a_step_of_the_list_goes_there(opened):
    browser = opened(steps("max_pool", np.arange(16).reshape(4, 4), kernel_size=2))
    find(browser, "details summary")[0].click()
    find(browser, "details li")[2].click()
    assert find(browser, ".count")[0].text == "step 3 of 4"
    assert shown(browser) == ["5", "7", "13", ""]


def test_the_cells_of_small_kernels_are_as_narrow_as_their_numbers_and_not_as_their_captions(opened):
    browser = opened(steps("conv", np.ones((1, 2, 4, 4)), np.ones((3, 2, 2, 2))))
    widths = {td.rect["width"] for td in find(browser, "figure.source td, figure.kernel td")}
    assert max(widths) - min(widths) < 2
    tops = [table.rect["y"] for table in find(browser, "figure.kernel table")]
    assert len(set(tops)) == 3  # a row for each kernel, its channels beside each other


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_complained_about_or_cut_off(opened, width):
    browser = opened(transposed(), steps("conv", np.ones((1, 2, 9, 9)), np.ones((2, 2, 3, 3))))
    browser.set_window_size(width, 800)
    assert [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]] == []
    wide = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_without_script_all_steps_are_there_to_read(opened, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        walk = transposed()
        page = opened(walk)
        text = page.find_element("tag name", "body").text
        assert [step.text for step in walk if step.text not in text] == []
        assert "55" in text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a page of one stepper as docs/ is built, under the same theme and style sheets."""
    pytest.importorskip("myst_nb")
    root, docs = tmp_path_factory.mktemp("site"), Path(__file__).parent.parent / "docs"
    (root / "docs").mkdir()
    (root / "notebooks").mkdir()
    for name in ("_static", "_templates"):
        (root / "docs" / name).symlink_to(docs / name)
    shutil.copyfile(
        docs / "conf.py", root / "docs" / "conf.py"
    )  # which looks for its neighbours beside itself
    cell = f'import npseg\nnpseg.draw.steps("conv_transpose", [[1, 2], [3, 4]], **{TRANSPOSED})'
    front = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n"
    (root / "docs" / "index.md").write_text(f"{front}# One\n\n```{{code-cell}} python\n{cell}\n```\n")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(root / "docs"), str(root / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return root / "html" / "index.html"


def light(color, behind):
    """Return the relative luminance of a computed colour, laid over an opaque one (WCAG 2, section 1.4.3)."""
    parts = [float(part) for part in re.findall(r"[\d.]+", color)]
    scale, alpha = 255 if color.startswith("rgb") else 1, parts[3] if len(parts) > 3 else 1
    under = [float(part) / 255 for part in re.findall(r"[\d.]+", behind)[:3]]
    mixed = np.array([alpha * p / scale + (1 - alpha) * u for p, u in zip(parts, under)])
    linear = np.where(mixed <= 0.04045, mixed / 12.92, ((mixed + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(browser, css):
    """Return how far the text of an element stands out from the page."""
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    page = browser.execute_script(style, "body", "backgroundColor")
    a, b = light(browser.execute_script(style, css, "color"), page), light(page, page)
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_the_site_it_can_be_driven_and_read(browser, site, scheme):
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    browser.set_window_size(1280, 1000)
    browser.get(site.as_uri())
    assert find(browser, "html")[0].get_attribute("data-theme") == scheme

    press(browser, "step on")
    type_keys(browser, "ARROW_RIGHT")
    assert find(browser, ".count")[0].text == "step 3 of 4"
    press(browser, "Gather")
    press(browser, "last step")
    assert shown(browser) == [str(v) for row in SUMMED for v in row]

    for css in ("figcaption", "figcaption b", ".formula", "td.cropped", ".line", "figure.matrix tbody th"):
        assert contrast(browser, f".npseg-steps {css}") >= 4.5, css
    weight = "return getComputedStyle(document.querySelector('.npseg-steps figcaption')).fontWeight"
    assert int(browser.execute_script(weight)) >= 400
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert complaints == []
