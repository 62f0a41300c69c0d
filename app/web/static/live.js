// Keeps the page current: fetches the changing part every two seconds and fits it into what stands there,
// so that focus, selection and scrolling stay where they are.
(() => {
  "use strict";
  const EVERY = 2000;
  const PATIENCE = 8000;
  const state = document.getElementById("state");
  const stateWords = state.querySelector(".live-words");
  const filter = document.getElementById("q");
  let live = document.getElementById("live");
  let timer = 0;
  let running = false;
  let again = false;

  function address() {
    const url = new URL(location.href);
    url.searchParams.set("fragment", "true");
    return url;
  }

  function keyOf(node) {
    return node.nodeType === Node.ELEMENT_NODE && node.id ? node.id : null;
  }

  function sameKind(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
  }

  function fitAttributes(to, from) {
    for (const { name, value } of from.attributes) {
      if (to.getAttribute(name) !== value) to.setAttribute(name, value);
    }
    for (const { name } of [...to.attributes]) {
      if (!from.hasAttribute(name)) to.removeAttribute(name);
    }
  }

  function fit(to, from) {
    if (to.nodeType !== Node.ELEMENT_NODE) {
      if (to.nodeValue !== from.nodeValue) to.nodeValue = from.nodeValue;
      return;
    }
    if (to.isEqualNode(from)) return;
    fitAttributes(to, from);
    const keyed = new Map();
    for (const child of to.children) if (child.id) keyed.set(child.id, child);
    let at = to.firstChild;
    for (const wanted of [...from.childNodes]) {
      const known = keyOf(wanted) ? keyed.get(keyOf(wanted)) : null;
      if (known && known !== at) {
        to.insertBefore(known, at);
        fit(known, wanted);
      } else if (at && sameKind(at, wanted)) {
        const next = at.nextSibling;
        fit(at, wanted);
        at = next;
      } else {
        to.insertBefore(document.importNode(wanted, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function say(good) {
    const words = good
      ? `${state.dataset.good}, as of ${live.dataset.asOf} UTC`
      : `${state.dataset.bad} ${live.dataset.asOf} UTC.`;
    document.body.classList.toggle("stale", !good);
    if (stateWords.textContent !== words) stateWords.textContent = words;
  }

  async function refresh() {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      const answer = await fetch(address(), { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh) throw new Error("no content");
      if (fresh.dataset.version !== live.dataset.version) {
        location.reload();
        return;
      }
      fit(live, fresh);
      document.title = live.dataset.title;
      say(true);
    } catch {
      say(false);
    } finally {
      running = false;
      const wait = again ? 0 : EVERY;
      again = false;
      if (!document.hidden) timer = setTimeout(refresh, wait);
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });

  if (filter) {
    filter.form.addEventListener("submit", (event) => event.preventDefault());
    filter.addEventListener("input", () => {
      const url = new URL(location.href);
      if (filter.value) url.searchParams.set("q", filter.value);
      else url.searchParams.delete("q");
      history.replaceState(null, "", url);
      refresh();
    });
  }

  say(true);
  timer = setTimeout(refresh, EVERY);
})();
