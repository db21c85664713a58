#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Reads pages of glassctl trace in a Chromium without a window.

What a page shows must be what the JSON of the same recording has; folding,
noise and links must work by mouse and by keyboard; every letter must be
readable in light and dark, at any width; and nothing may be asked for from
elsewhere. make test-html makes the pages: page_test.py FOLDER

Pictures for people are left in the folder.
"""

import base64
import collections
import json
import os
import pathlib
import sys
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
TRACES = ("trace", "one", "none")
PAGES = (*TRACES, "beside")
WIDE, NARROW = 1280, 400
READABLE = 4.5  # to 1: WCAG 2, 1.4.3

# From the top to the bottom: in JSON, and on a page.
LAYERS = {"system_call": "system call", "vfs": "VFS", "sockfs": "sockfs",
          "proto_ops": "proto_ops", "proto": "proto", "output": "output", "device": "device",
          "input": "input", "wakeup": "wake-up", "buffers": "buffers", "locks": "locks",
          "rcu": "RCU", "memory": "memory", "accounting": "accounting", "security": "security",
          "scheduler": "scheduler", "interrupt": "interrupt"}

# The calls of a trace, as a page shows them. A step's parent is an index.
CALLS = """
const text = (of, what) => of.querySelector(what)?.textContent ?? null;
return [...document.querySelectorAll("details.call")].map(call => {
	const steps = [...call.querySelectorAll(".step")];
	return {
		id: call.querySelector("summary").id,
		heading: call.querySelector("summary").textContent,
		socket: text(call, ".socket"),
		steps: steps.map(step => {
			const line = step.querySelector(":scope > summary") ?? step;
			return {
				numbers: [...line.querySelectorAll(".number")].map(e => e.textContent),
				layer: text(line, ".layer"),
				name: text(line, ".name"),
				noise: step.classList.contains("noise"),
				parent: steps.indexOf(step.parentElement.closest(".step")),
			};
		}),
		notes: [...call.querySelectorAll(".note")].map(note => note.textContent),
	};
});
"""

# Colours of all letters that are to be seen, in an element or in all, against what is behind them;
# where something is translucent, as it is mixed.
CONTRASTS = """
function parts(colour) {
	const numbers = colour.match(/[\\d.]+/g).map(Number);
	if (colour.startsWith("color(srgb"))
		return [...numbers.slice(0, 3).map(n => n * 255), numbers[3] ?? 1];
	if (!colour.startsWith("rgb"))
		throw new Error("a colour that is not understood: " + colour);
	return [...numbers.slice(0, 3), numbers[3] ?? 1];
}
const mix = (front, back, share) =>
	[0, 1, 2].map(i => front[i] * share + back[i] * (1 - share));
function light(colour) {
	const [r, g, b] = colour.map(n => n / 255).map(
		n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const grounds = new Map([[null, {back: [255, 255, 255], veils: []}]]);
function ground(element) {
	if (!grounds.has(element)) {
		const outside = ground(element.parentElement), style = getComputedStyle(element);
		const [r, g, b, share] = parts(style.backgroundColor);
		let {back, veils} = outside;
		if (style.backgroundImage != "none")
			throw new Error("a picture behind letters");
		back = mix([r, g, b], back, share);
		if (style.opacity < 1) {
			back = mix(back, outside.back, style.opacity);
			veils = [[outside.back, style.opacity], ...veils];
		}
		grounds.set(element, {back, veils});
	}
	return grounds.get(element);
}
function contrast(element, colour) {
	const [r, g, b, share] = parts(colour), {back, veils} = ground(element);
	let front = mix([r, g, b], back, share);
	for (const [outside, opacity] of veils)
		front = mix(front, outside, opacity);
	const [dark, bright] = [light(front), light(back)].sort((a, b) => a - b);
	return (bright + 0.05) / (dark + 0.05);
}
// Elements of the same kind, in boxes of the same kinds, look the same: FAULTS sees to it.
const kinds = new Map([[null, ""]]), seen = {};
function kind(element) {
	if (!kinds.has(element)) {
		const outside = kind(element.parentElement);
		const own = " " + [element.localName, ...element.classList].join(".") +
			(element.matches(":hover, :target") ? "!" : "");
		kinds.set(element, outside.endsWith(own) ? outside : outside + own);
	}
	return kinds.get(element);
}
function is_news(element, what) {
	const key = kind(element) + what;
	return (seen[key] = (seen[key] ?? 0) + 1) <= 3;
}
const found = {};
function look(element, colour, words, what) {
	const key = [what ?? element.localName, element.className,
		     element.closest("details")?.className ?? ""].join(" | ");
	const value = contrast(element, colour);
	if (!(found[key]?.value <= value))
		found[key] = {value, words, colour};
}
const all = arguments[0] ?? document.body;
const walk = document.createTreeWalker(all, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
	const element = walk.currentNode.parentElement, words = walk.currentNode.data.trim();
	if (words && element.checkVisibility() && is_news(element, ""))
		look(element, getComputedStyle(element).color, words.slice(0, 40));
}
for (const element of [all, ...all.querySelectorAll("*")])
	for (const pseudo of ["::before", "::after"]) {
		if (!element.checkVisibility() || !is_news(element, pseudo))
			continue;
		const style = getComputedStyle(element, pseudo);
		if (!/^(none|normal|"")$/.test(style.content))
			look(element, style.color, style.content, pseudo);
	}
return found;
"""

# What reaches beyond the window, and boxes that hide what no key can bring.
OVERFLOW = """
const wide = document.documentElement.clientWidth, bad = [];
const has_bar = e => /auto|scroll/.test(getComputedStyle(e).overflowX);
if (document.documentElement.scrollWidth > wide)
	bad.push("the page: " + document.documentElement.scrollWidth);
for (const e of document.body.querySelectorAll("*")) {
	const is_beyond = e.getBoundingClientRect().right > wide + 0.5;
	if (!is_beyond && e.scrollWidth <= e.clientWidth || !e.checkVisibility())
		continue;
	if (e.scrollWidth > e.clientWidth) {
		if (/hidden|clip/.test(getComputedStyle(e).overflowX))
			bad.push("cut: " + e.outerHTML.slice(0, 80));
		if (has_bar(e) && e.tabIndex < 0 && !e.querySelector("summary, a, input"))
			bad.push("not to be scrolled by keyboard: " + e.outerHTML.slice(0, 80));
	}
	let box = is_beyond ? e.parentElement : null;
	while (box && !has_bar(box))
		box = box.parentElement;
	if (is_beyond && !box)
		bad.push("beyond the window: " + e.outerHTML.slice(0, 80));
}
return bad;
"""

# What is not as HTML for everybody is.
FAULTS = """
const bad = [], all = what => [...document.querySelectorAll(what)];
const said = e => e.outerHTML.slice(0, 80);
if (document.compatMode != "CSS1Compat")
	bad.push("no doctype");
if (document.documentElement.lang != "en")
	bad.push("no lang");
if (!document.title.trim())
	bad.push("no title");
for (const one of ["h1", "main"])
	if (all(one).length != 1)
		bad.push(all(one).length + " of " + one);
let level = 0;
for (const e of all("h1, h2, h3, h4, h5, h6")) {
	const next = Number(e.localName[1]);
	if (next > level + 1)
		bad.push("a heading is left out before " + said(e));
	if (!e.textContent.trim())
		bad.push("an empty heading");
	level = next;
}
for (const e of all("th"))
	if (!/^(col|row|colgroup|rowgroup)$/.test(e.scope))
		bad.push("no scope: " + said(e));
for (const e of all("table"))
	if (!e.querySelector("th"))
		bad.push("no heads: " + said(e));
for (const e of all("details"))
	if (e.firstElementChild?.localName != "summary" || e.querySelectorAll(":scope > summary").length != 1)
		bad.push("no summary: " + said(e));
for (const e of all("summary"))
	if (e.parentElement.localName != "details" || e.querySelector("a, input, button"))
		bad.push("a stray summary, or one with controls in it: " + said(e));
for (const e of all("[onclick], [role=button], [role=link], [role=checkbox], [accesskey]"))
	bad.push("no real control: " + said(e));
for (const e of all("[tabindex]"))
	if (e.tabIndex > 0)
		bad.push("out of order: " + said(e));
for (const e of all("[tabindex='0']"))
	if (e.getAttribute("role") != "region")
		bad.push("nobody knows what this is: " + said(e));
for (const e of all("input, select, textarea"))
	if (!e.labels?.length)
		bad.push("no label: " + said(e));
for (const e of all("[style]"))
	if (!/^--depth:\\d+$/.test(e.getAttribute("style")))
		bad.push("a style of its own: " + said(e));
const ids = all("[id]").map(e => e.id);
if (new Set(ids).size != ids.length)
	bad.push("an id twice");
for (const e of all("a"))
	if (!document.getElementById(e.hash.slice(1)))
		bad.push("leads nowhere: " + said(e));
return bad;
"""

# What would be fetched, did somebody open the right thing.
FOREIGN = """
const bad = [...document.querySelectorAll("script, link, img, iframe, object, embed, base, " +
	"form, [src], [srcset], [action], [background], [http-equiv]")].map(
		e => e.outerHTML.slice(0, 80));
for (const e of document.querySelectorAll("[href]"))
	if (!e.getAttribute("href").startsWith("#"))
		bad.push(e.outerHTML.slice(0, 80));
for (const e of document.querySelectorAll("style, [style]"))
	if (/url\\(|@import|@font-face|image-set\\(/.test(e.textContent + e.getAttribute("style")))
		bad.push("a style that fetches");
return bad;
"""


def microseconds(time):
    """As a page writes nanoseconds."""
    return f"{time / 1000:.1f}"


def thread_text(name, number):
    """As a page writes a thread."""
    return f"{name or '?'}/{number}"


def parents_of(steps):
    """The index of the step that called each; -1 for none."""
    path, parents = [], []
    for number, step in enumerate(steps):
        del path[step["depth"]:]
        parents.append(path[-1] if path else -1)
        path.append(number)
    return parents


def name_of(step):
    """What stands where its function does."""
    name = step["function"]
    if step["module"]:
        name += f" [{step['module']}]"
    if "pointer" in step:
        name += f" {step['pointer']} of {step['table']}"
    return name


class Browser:
    """One for all cases."""

    def __init__(self):
        self.driver = None

    def start(self):
        """Without a window, and without asking for anything by itself."""
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu",
                     "--disable-background-networking", "--force-color-profile=srgb",
                     "--no-first-run"):
            options.add_argument(word)
        if os.geteuid() == 0:  # which Chromium's sandbox refuses
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(
            options=options, service=Service("/usr/bin/chromedriver"))


BROWSER = Browser()


def setUpModule():  # pylint: disable=invalid-name
    """unittest wants these names."""
    BROWSER.start()


def tearDownModule():  # pylint: disable=invalid-name
    """The browser does not end by itself."""
    BROWSER.driver.quit()


class Page(unittest.TestCase):
    """A case opens a page, and leaves nothing on the console."""

    def setUp(self):
        self.driver = BROWSER.driver
        self.said = []

    def tearDown(self):
        self.collect()
        self.assertEqual(self.said, [], "on the console")

    def collect(self):
        """What was said on the console, which a new page would not tell."""
        self.said += self.driver.get_log("browser")

    def open(self, name, width=WIDE, scheme="light", unfold=False):
        """Shows a page; the address that it has."""
        address = (FOLDER / f"{name}.html").as_uri()
        self.collect()
        self.driver.get("about:blank")
        self.driver.get_log("performance")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.driver.get(address)
        self.assertEqual(self.script("return innerWidth"), width)
        if unfold:
            self.unfold()
        return address

    def unfold(self):
        """Opens all, and shows noise."""
        self.script("for (const e of document.querySelectorAll('details')) e.open = true;"
                    "const noise = document.getElementById('noise');"
                    "if (noise) noise.checked = true;")

    def script(self, text, *arguments):
        """What JavaScript of ours returns; pages have none."""
        return self.driver.execute_script(text, *arguments)

    def find(self, selector):
        """The first element."""
        return self.driver.find_element("css selector", selector)

    def find_all(self, selector):
        """All elements."""
        return self.driver.find_elements("css selector", selector)

    def press(self, *keys):
        """On the keyboard, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """What has the focus, and shows it."""
        element = self.driver.switch_to.active_element
        self.assertTrue(self.script(
            "return arguments[0] == document.body || arguments[0].matches(':focus-visible') &&"
            " getComputedStyle(arguments[0]).outlineStyle != 'none'", element),
            "the focus is not to be seen")
        return element

    def tab_to(self, element, most=200):
        """Tab, or Tab with Shift, until it has the focus."""
        is_before = self.script("return document.activeElement != document.body && !!("
                                "document.activeElement.compareDocumentPosition(arguments[0]) &"
                                "Node.DOCUMENT_POSITION_PRECEDING)", element)
        for _ in range(most):
            if self.focused() == element:
                return
            if is_before:
                ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(
                    Keys.SHIFT).perform()
            else:
                self.press(Keys.TAB)
        self.fail("Tab does not lead there: " + element.get_attribute("outerHTML")[:80])

    def is_seen(self, element):
        """Selenium's own answer knows nothing of folded details."""
        return self.script("return arguments[0].checkVisibility()", element)

    def is_in_window(self, element):
        """Has the browser scrolled to it? At least to where it begins."""
        return self.script(
            "const at = arguments[0].getBoundingClientRect();"
            "return at.top >= 0 && at.top < innerHeight && at.left < innerWidth", element)

    def picture(self, name, height=1400):
        """Leaves one in the folder."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": self.script("return innerWidth"),
                "height": min(height, size["height"]), "scale": 1}})["data"]
        (FOLDER / f"{name}.png").write_bytes(base64.b64decode(data))


def recording(name):
    """The JSON of a page."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


class Contents(Page):
    """What is there is what was recorded."""

    def test_recordings_have_what_they_must(self):
        """The other cases would say little about poor ones."""
        calls = recording("trace")["calls"]
        self.assertGreater(len(calls), 12)
        self.assertTrue({"socket", "connect", "close"} <= {call["name"] for call in calls})
        self.assertTrue(any((call["result"] or 0) < 0 for call in calls))
        self.assertGreater(sum(len(call["frames"]) for call in calls), 5)
        self.assertTrue(any(call["wakeups"] for call in calls))
        self.assertTrue(any(step["noise"] for call in calls for step in call["steps"]))
        self.assertEqual([call["name"] for call in recording("one")["calls"]], ["connect"])
        self.assertEqual(recording("none")["calls"], [])
        self.assertEqual([side["kind"] for side in recording("beside")],
                         ["stream", "unix", "tcp"])

    def test_calls_are_those_of_the_recording(self):
        """In its order, with all of their steps, frames and wake-ups."""
        for name in TRACES:
            with self.subTest(name):
                trace = recording(name)
                self.open(name)
                self.assertIn(" ".join(trace["title"].split()), self.driver.title)
                self.assertEqual(self.find("h1").text.split(), trace["title"].split())
                shown = self.script(CALLS)
                self.assertEqual([call["id"] for call in shown],
                                 [f"call-{call['number']}" for call in trace["calls"]])
                for seen, call in zip(shown, trace["calls"]):
                    self.check_call(seen, call)

    def check_call(self, seen, call):
        """One of a page against one of a recording."""
        heading = " ".join(seen["heading"].split())
        self.assertTrue(heading.startswith(
            " ".join(f"#{call['number']} {call['name']}({call['arguments']})".split())), heading)
        result = "did not return" if call["result"] is None else "= " + call["result_text"]
        for words in (result, microseconds(call["duration"]) + " µs",
                      thread_text(call["command"], call["thread"])):
            self.assertIn(words, heading)
        if call["socket"]:
            for word in call["socket"].values():
                self.assertIn(word, seen["socket"])
        else:
            self.assertIsNone(seen["socket"])
        parents = parents_of(call["steps"])
        self.assertEqual(len(seen["steps"]), len(call["steps"]))
        for line, step, parent in zip(seen["steps"], call["steps"], parents):
            self.assertEqual(line["numbers"],
                             [microseconds(step["begin"]), microseconds(step["duration"])])
            self.assertEqual(line["layer"], LAYERS[step["layer"]])
            self.assertTrue(line["name"].startswith(name_of(step)), (line, step))
            self.assertEqual((line["noise"], line["parent"]), (step["noise"], parent))
        # Those of a step, the frames first.
        notes = [words for number in range(len(call["steps"])) for words in
                 [f"frame {frame['number']}: {frame['device']}, " for frame in call["frames"]
                  if frame["step"] == number] +
                 ["wakes " + thread_text(wakeup["command"], wakeup["thread"])
                  for wakeup in call["wakeups"] if wakeup["step"] == number]]
        self.assertEqual(len(seen["notes"]), len(notes))
        for note, words in zip(seen["notes"], notes):
            self.assertIn(words, note)

    def test_frames_are_those_of_the_recording(self):
        """In a table of their own, if there are any."""
        for name in TRACES:
            with self.subTest(name):
                calls = recording(name)["calls"]
                frames = [(call, frame) for call in calls for frame in call["frames"]]
                self.open(name)
                rows = [row.text for row in self.find_all("#frames tbody tr")]
                self.assertEqual(len(rows), len(frames))
                self.assertEqual(len(self.find_all("#frames")), bool(frames))
                for row, (call, frame) in zip(rows, frames):
                    self.assertTrue(row.startswith(f"{frame['number']} {frame['device']} "), row)
                    self.assertIn(f"#{call['number']} {call['name']}", row)
                    if "source" in frame:
                        self.assertIn(f"{frame['source']} → {frame['destination']}", row)
                    if "received" in frame:
                        self.assertIn(microseconds(frame["received"] - frame["sent"]) + " µs", row)

    def test_sides_are_those_of_the_recording(self):
        """A table for each call, a column for each kind, by layer."""
        sides = recording("beside")
        self.open("beside")
        tables = self.find_all("details.call")
        self.assertEqual(len(tables), min(len(side["trace"]["calls"]) for side in sides))
        for number, table in enumerate(tables):
            calls = [side["trace"]["calls"][number] for side in sides]
            rows = self.script("return [...arguments[0].querySelectorAll('tr')].map(row => "
                               "[...row.cells].map(cell => cell.innerText.trim()))", table)
            heights = self.script("return [...arguments[0].querySelectorAll('tbody th')].map("
                                  "th => [th.rowSpan, th.closest('tbody').rows.length])", table)
            self.assertTrue(all(span == rows for span, rows in heights), heights)
            self.assertEqual(table.find_element("css selector", "summary").text,
                             f"#{number + 1} {calls[0]['name']}")
            self.assertEqual(rows[0][0], "Layer")
            layer, lines = None, []
            for row in rows[1:]:
                if len(row) > len(sides):
                    layer, *row = row
                lines.append((layer, row))
            for column, (side, call) in enumerate(zip(sides, calls)):
                ran = [step for step in call["steps"] if not step["noise"]]
                head = rows[0][column + 1].split("\n")
                self.assertEqual(head[0], f"{side['kind']} = {call['result_text']}")
                frames = len(call["frames"])
                self.assertEqual(head[1], f"{len(ran)} functions" +
                                 (f", {frames} frame{'s'[:frames > 1]}" if frames else ""))
                visits, shown = collections.Counter(), {}
                for step in ran:
                    visits[LAYERS[step["layer"]], step["function"]] += 1
                for layer, cells in lines:
                    if cells[column]:
                        function, _, times = cells[column].partition(" ×")
                        shown[layer, function] = int(times or 1)
                self.assertEqual(shown, visits)
                # From the top to the bottom; in a layer, as they came.
                order = [layer for layer, _ in shown]
                self.assertEqual(order, sorted(order, key=list(LAYERS.values()).index))
                for layer in set(order):
                    self.assertEqual([key for key in shown if key[0] == layer],
                                     [key for key in visits if key[0] == layer])


class Resources(Page):
    """One file, and nothing else."""

    def test_nothing_else_is_asked_for(self):
        """By the browser, and by what stands in the page."""
        for name in PAGES:
            with self.subTest(name):
                address = self.open(name, unfold=True)
                self.assertEqual(self.script(FOREIGN), [])
                asked = [message["params"]["request"]["url"] for message in
                         (json.loads(entry["message"])["message"]
                          for entry in self.driver.get_log("performance"))
                         if message["method"] == "Network.requestWillBeSent"]
                self.assertEqual(asked, [address])


class Handling(Page):
    """By mouse, and by keyboard alone."""

    def steps_of(self, call):
        """All of a call."""
        return self.find_all(f".call:has(> #call-{call['number']}) .step")

    def folding(self):
        """A call's summary, one of its steps that has others below, and one of those."""
        call = next(call for call in recording("trace")["calls"] if call["frames"])
        number = next(number for number, step in enumerate(call["steps"])
                      if number + 1 < len(call["steps"]) and not step["noise"] and
                      call["steps"][number + 1]["depth"] > step["depth"] and
                      not call["steps"][number + 1]["noise"])
        steps = self.steps_of(call)
        return (self.find(f"#call-{call['number']}"),
                steps[number].find_element("css selector", "summary"), steps[number + 1])

    def check_folding(self, act):
        """By whatever ACT does to a summary."""
        self.open("trace")
        call, step, inner = self.folding()
        self.assertFalse(self.is_seen(step), "calls begin folded")
        act(call)
        self.assertTrue(self.is_seen(step) and self.is_seen(inner))
        act(step)
        self.assertTrue(self.is_seen(step))
        self.assertFalse(self.is_seen(inner))
        act(step)
        self.assertTrue(self.is_seen(inner))
        act(call)
        self.assertFalse(self.is_seen(step) or self.is_seen(inner))

    def test_the_mouse_folds(self):
        """A click on a line."""
        self.check_folding(lambda summary: summary.click())

    def test_the_keyboard_folds(self):
        """Tab to it; Enter, or Space."""
        for key in (Keys.ENTER, Keys.SPACE):
            def press(summary, key=key):
                self.tab_to(summary)
                self.press(key)
            self.check_folding(press)

    def test_a_single_call_is_open(self):
        """And one of several tables side by side."""
        for name in ("one", "beside"):
            self.open(name)
            for details in self.find_all("details.call"):
                self.assertIsNotNone(details.get_attribute("open"))

    def check_noise(self, act):
        """By whatever ACT does to the checkbox."""
        self.open("one")
        box = self.find("#noise")
        for is_shown in (False, True, False):
            seen = self.script(
                "return ['.step.noise', '.step:not(.noise)', '.folded'].map(kind => [...new Set("
                "[...document.querySelectorAll(kind)].map(e => e.checkVisibility()))])")
            self.assertEqual(seen, [[is_shown], [True], [not is_shown]])
            act(box)

    def test_the_checkbox_shows_noise(self):
        """A click on it or on its words, or Space."""
        self.check_noise(lambda box: box.click())
        self.check_noise(lambda box: self.find("label").click())

        def press(box):
            self.tab_to(box)
            self.press(Keys.SPACE)
        self.check_noise(press)

    def check_link(self, link, call, frame):
        """It was followed."""
        if frame["step"] < 0:
            step = self.find(f"#call-{call['number']}")
        else:
            step = self.steps_of(call)[frame["step"]]
            self.assertTrue(step.find_element("css selector", ".name").text.startswith(
                call["steps"][frame["step"]]["function"]))
        self.assertTrue(self.is_seen(step), "a link leads to what is hidden")
        self.assertTrue(self.is_in_window(step), "it is not scrolled to")
        self.assertTrue(self.script(
            "const at = document.querySelector(':target');"
            "return (at == arguments[0] || at.parentElement == arguments[0]) &&"
            " at == document.activeElement", step), "it does not get the focus")
        self.assertNotEqual(self.script(
            "return getComputedStyle(document.querySelector(':target')).backgroundColor"),
            "rgba(0, 0, 0, 0)", "it does not stand out")

    def test_links_of_frames_lead_to_their_steps(self):
        """Each of them, with all calls folded and noise hidden."""
        frames = [(call, frame) for call in recording("trace")["calls"]
                  for frame in call["frames"]]
        self.open("trace")
        for number, (call, frame) in enumerate(frames):
            with self.subTest(frame["number"]):
                self.script("for (const e of document.querySelectorAll('.call')) e.open = false;"
                            "location.hash = ''; document.activeElement.blur()")
                link = self.find_all("#frames a")[number]
                if number % 2:
                    link.click()
                else:
                    self.script("arguments[0].focus()", link)
                    self.press(Keys.ENTER)
                self.check_link(link, call, frame)

    def test_every_control_can_be_reached_in_order(self):
        """By Tab alone, from the top to the bottom."""
        for name in PAGES:
            with self.subTest(name):
                self.open(name)
                wanted = self.script(
                    "return [...document.querySelectorAll('summary, input, a, [tabindex=\"0\"]')]"
                    ".filter(e => e.checkVisibility())")[:60]
                for element in wanted:
                    self.press(Keys.TAB)
                    self.assertEqual(self.focused(), element)


class Looks(Page):
    """To be read by everybody, everywhere."""

    def test_nothing_is_wider_than_the_window(self):
        """Steps and tables may be, in a box that scrolls."""
        for name in PAGES:
            for width in (WIDE, NARROW):
                with self.subTest(name, width=width):
                    self.open(name, width)
                    self.assertEqual(self.script(OVERFLOW), [])
                    self.unfold()
                    self.assertEqual(self.script(OVERFLOW), [])

    def check_contrasts(self, name, element=None):
        """Of what is on the page now, or only in ELEMENT; what was found."""
        found = self.script(CONTRASTS, element)
        self.assertEqual({key: value for key, value in found.items()
                          if value["value"] < READABLE}, {}, name)
        return found

    def test_letters_are_readable_in_light_and_dark(self):
        """All of them: also under the mouse, and at the end of a link."""
        wanted = {LAYERS[step["layer"]] for call in recording("trace")["calls"]
                  for step in call["steps"]}
        for scheme in ("light", "dark"):
            for name in PAGES:
                with self.subTest(name, scheme=scheme):
                    self.open(name, scheme=scheme, unfold=True)
                    found = self.check_contrasts(name)
                    if name == "trace":
                        badges = self.script("return [...new Set([...document.querySelectorAll("
                                             "'.layer')].map(e => e.textContent))]")
                        self.assertTrue(wanted <= set(badges))
                        kinds = self.script("return [...new Set([...document.querySelectorAll("
                                            "'.layer')].map(e => e.className))]")
                        for kind in kinds:
                            self.assertTrue(any(f"| {kind} |" in key for key in found), kind)
                        self.check_marks()

    def check_marks(self):
        """A step of each layer under the mouse, and at the end of a link."""
        self.find("#frames a").click()
        self.check_contrasts("at the end of a link", self.find(":target"))
        for kind in ("mark", "shade"):
            self.script(f"document.body.style.background = 'var(--{kind})'")
            self.check_contrasts(f"on var(--{kind})")
        self.script("document.body.style.background = ''")
        for selector in (".call > summary", ".step > summary"):
            summary = self.find(selector)
            ActionChains(self.driver).move_to_element(summary).perform()
            self.assertTrue(self.script("return arguments[0].matches(':hover')", summary))
            self.assertTrue(self.check_contrasts("under the mouse", summary))

    def test_it_is_light_or_dark_as_the_reader_wants(self):
        """The page and what the browser draws in it."""
        for name in PAGES:
            backs = []
            for scheme in ("light", "dark"):
                self.open(name, scheme=scheme)
                backs.append(self.script(
                    "return Math.max(...getComputedStyle(document.body).backgroundColor"
                    ".match(/\\d+/g).slice(0, 3).map(Number))"))
                self.assertIn("dark", self.script(
                    "return getComputedStyle(document.documentElement).colorScheme"))
            self.assertGreater(backs[0], 230)
            self.assertLess(backs[1], 60)

    def test_it_is_made_of_what_it_should_be(self):
        """Language, title, headings, tables, controls."""
        for name in PAGES:
            with self.subTest(name):
                self.open(name)
                self.assertEqual(self.script(FAULTS), [])

    def test_all_that_gets_the_focus_has_a_name(self):
        """For who hears the page: what Chromium tells a screen reader."""
        for name in PAGES:
            with self.subTest(name):
                self.open(name, unfold=name != "trace")
                nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
                for node in nodes:
                    can = any(p["name"] == "focusable" and p["value"].get("value")
                              for p in node.get("properties", ()))
                    # One of these only a link leads to.
                    if can and not node.get("ignored") and node["role"]["value"] != "generic":
                        self.assertTrue(node.get("name", {}).get("value", "").strip(), node)

    def test_pictures(self):
        """For people; that they can be taken is all that is tested."""
        for scheme in ("light", "dark"):
            self.open("trace", scheme=scheme)
            self.find("#frames a").click()
            self.picture(f"trace-{scheme}", 2200)
            self.open("beside", scheme=scheme)
            self.picture(f"beside-{scheme}")
        for name in ("trace", "one", "beside"):
            self.open(name, NARROW)
            self.picture(f"{name}-narrow")
        self.open("one", unfold=True)
        self.picture("one-noise")
        self.open("none")
        self.picture("none")


if __name__ == "__main__":
    if not (FOLDER / "trace.html").exists():
        sys.exit("usage: page_test.py FOLDER: no trace.html there; make test-html makes it")
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
