"""What is wrong with a page that a browser shows: cut off, colliding, pale, lost links, console errors.

``faults(open_page(path))`` goes through all of it, at the widths of a desk and a phone, light, dark and in print.
"""

from tests.reports.pages.browser import Page

DESK, PHONE = 1280, 390
PRINTED = 718  # pixels of text on A4 with margins of a centimetre

OPEN = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
WIDE = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"
CUT = """[...document.querySelectorAll('table, figure, pre, p, li')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
  .map((one) => `${one.tagName} ${one.id || one.className} ${one.textContent.trim().slice(0, 40)}`)"""
# WCAG 2.2, success criterion 1.4.3: 4.5 to 1, large text 3 to 1
PALE = """(() => {
  const parts = (text) => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const over = (top, below) => below.slice(0, 3).map((value, at) => top[3] * top[at] + (1 - top[3]) * value);
  const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (rgb) => rgb.reduce((sum, value, at) => sum + linear(value / 255) * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const own = parts(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, ground(element.parentElement));
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest('script, style, .skip, .heard') || !element.getBoundingClientRect().width) continue;
    count += 1;
    const style = getComputedStyle(element);
    const below = ground(element);
    const ink = over(parts(element.closest('svg') ? style.fill : style.color), below);
    const [one, other] = [light(ink), light(below)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return count > 20 ? bad : ['hardly any text was looked at'];
})()"""
COLLIDING = """[...document.querySelectorAll('figure svg')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')];
  const found = texts.map((one) => ({ text: one.textContent, at: one.getBoundingClientRect() }));
  const out = found.filter(({ at }) => at.left < frame.left - 1 || at.right > frame.right + 1
    || at.top < frame.top - 1 || at.bottom > frame.bottom + 1).map(({ text }) => `leaves: ${text}`);
  found.forEach(({ text, at }, first) => found.slice(first + 1).forEach((other) => {
    const wide = Math.min(at.right, other.at.right) - Math.max(at.left, other.at.left);
    const high = Math.min(at.bottom, other.at.bottom) - Math.max(at.top, other.at.top);
    if (wide > 1 && high > 0.3 * Math.min(at.height, other.at.height)) out.push(`${text} on ${other.text}`);
  }));
  return out.map((what) => `${svg.closest('figure').getAttribute('aria-label')}: ${what}`);
})"""
LOST = """(async () => {
  const bad = [];
  const hashes = new Set([...document.querySelectorAll('a[href^="#"]')].map((one) => one.getAttribute('href')));
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  for (const hash of hashes) {
    document.querySelectorAll('details').forEach((one) => { one.open = false; });
    scrollTo(0, 0);
    document.querySelector(`a[href="${hash}"]`).click();
    await frame();
    const target = document.getElementById(hash.slice(1));
    const rect = target?.getBoundingClientRect();
    if (!rect || !rect.height || rect.top >= innerHeight || rect.bottom <= 0 || location.hash !== hash) bad.push(hash);
  }
  return hashes.size ? bad : ['no link at all'];
})()"""


def faults(page: Page) -> list[str]:
    """Everything that is wrong, each with where; all that is folded is opened."""
    found = [f"lost: {one}" for one in page.run(LOST)]
    page.run(OPEN)
    for width in (DESK, PHONE):
        for dark in (False, True):
            page.show(width, dark)
            found += [f"{width} {'dark' if dark else 'light'}, pale: {one}" for one in page.run(PALE)]
        found += [f"{width}, collides: {one}" for one in page.run(COLLIDING)]
        found += [f"{width}, {more} pixels too wide" for more in [page.run(WIDE)] if more]
    page.show(PRINTED, dark=True, media="print")
    found += [f"print, cut: {one}" for one in page.run(CUT)]
    found += [f"print, pale: {one}" for one in page.run(PALE)]
    return [*found, *page.problems()]
