// Sends what the forms of the API page hold, and shows the answer below.
(() => {
  "use strict";
  const token = document.getElementById("token");

  function request(form) {
    const headers = new Headers({ Accept: "application/json" });
    let path = form.dataset.path;
    const query = new URLSearchParams();
    let body;
    for (const field of form.querySelectorAll("[data-in]")) {
      const value = field.value;
      if (field.dataset.in === "body") {
        body = value;
        headers.set("Content-Type", "application/json");
      } else if (field.dataset.in === "path") {
        path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      } else if (value && field.dataset.in === "query") {
        query.append(field.name, value);
      } else if (value && field.dataset.in === "header") {
        headers.set(field.name, value);
      }
    }
    if (token.value) headers.set("Authorization", `Bearer ${token.value}`);
    const search = query.toString();
    return [search ? `${path}?${search}` : path, { method: form.dataset.method, headers, body }];
  }

  function pretty(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  for (const form of document.querySelectorAll("form.try")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const output = form.querySelector("output");
      output.textContent = "Sending…";
      try {
        const [url, options] = request(form);
        const started = performance.now();
        const answer = await fetch(url, options);
        const text = await answer.text();
        const took = Math.round(performance.now() - started);
        output.textContent = `${options.method} ${url}\n${answer.status} ${answer.statusText}, ${took} ms\n\n${pretty(text)}`;
      } catch {
        output.textContent = "Dialtone does not answer.";
      }
    });
  }

  if (location.hash) {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  }
})();
