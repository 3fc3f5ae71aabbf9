/* Small comforts. Every page works without this file. */
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Light and dark: a cookie, so that the server can answer with the right one at once.
  const dark = () => root.dataset.bsTheme === "dark" || (!root.dataset.bsTheme && matchMedia("(prefers-color-scheme: dark)").matches);
  const toggle = document.querySelector("[data-theme-toggle]");
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      root.dataset.bsTheme = dark() ? "light" : "dark";
      document.cookie = `theme=${root.dataset.bsTheme}; path=/; max-age=31536000; samesite=lax`;
    });
  }

  // Menus close by Escape and by a click elsewhere; facets stand open where there is room.
  document.addEventListener("click", (event) => all("details[data-menu][open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    all("details[data-menu][open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });
  if (matchMedia("(min-width: 64rem)").matches) all("details[data-facets]").forEach((facets) => { facets.open = true; });
  all('a[href="#filters"]').forEach((link) => link.addEventListener("click", () => {
    all("#filters details[data-facets]").forEach((facets) => { facets.open = true; });
  }));

  // Messages: bad news stays until it is closed, good news leaves after eight seconds unless one is on it.
  const dress = (toast) => {
    const close = toast.querySelector("[data-close]");
    close.hidden = false;
    close.addEventListener("click", () => toast.remove());
    if (toast.dataset.toast !== "good") return;
    const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : toast.remove());
    setTimeout(leave, 8000);
  };
  const region = document.getElementById("toasts");
  if (region) {
    all("[data-toast]", region).forEach(dress);
    new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => {
      if (node.nodeType === 1 && node.matches("[data-toast]")) dress(node);
    }))).observe(region, { childList: true });
  }

  // After a refused form the summary has the focus, so that it is read first.
  if (document.title.startsWith("Error: ")) document.getElementById("error-summary")?.focus();

  // A form that only carries on, such as the way to the identity provider.
  document.querySelector("form[data-submit-at-once]")?.requestSubmit();

  // Forms that warn before half-written words are lost.
  const touched = new Set();
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (form) touched.add(form);
  });
  document.addEventListener("submit", (event) => touched.delete(event.target));

  // A second click on the same button sends nothing: the first answer is on its way. Coming back to the page frees it.
  const sent = new Set();
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (sent.has(event.target)) return event.preventDefault();
    sent.add(event.target);
    event.target.dispatchEvent(new CustomEvent("htmx:abort")); // what it was saving by itself goes with it
    setTimeout(() => sent.delete(event.target), 10000);
  });
  document.addEventListener("htmx:before:request", (event) => { if (sent.has(event.target)) event.preventDefault(); });
  addEventListener("pageshow", () => sent.clear());
  addEventListener("beforeunload", (event) => { if (touched.size) event.preventDefault(); });

  // Drafts save themselves a second after the last change.
  all("form[data-autosave]").forEach((form) => {
    const state = document.querySelector("[data-autosave-state]");
    const say = (words) => { if (state) state.textContent = words; };
    let timer = 0;
    const save = async () => {
      say("Saving");
      try {
        const answer = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), headers: { "X-Autosave": "1" } });
        if (!answer.ok) throw new Error(answer.status);
        touched.delete(form);
        say(`Saved ${new Date().toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" })}`);
        form.dispatchEvent(new CustomEvent("saved", { bubbles: true }));
      } catch {
        say("Not saved yet. Your words are still here; we try again at the next change.");
      }
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(save, 1000); });
  });

  // A bulk bar says how many rows are ticked.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form");
    const text = form?.querySelector("[data-bulk-text]");
    if (!text) return;
    text.dataset.idle ??= text.textContent;
    const n = all('tbody input[type="checkbox"]:checked', form).length;
    text.textContent = n ? `${n} ${n === 1 ? "request" : "requests"} chosen.` : text.dataset.idle;
  });

  // Queues by keyboard: j and k walk, Enter opens, any other letter presses the row's [data-key] of that letter.
  const table = document.querySelector("table[data-keys]");
  let at = -1;
  const go = (rows, to) => {
    rows[at]?.classList.remove("at");
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows[at].classList.add("at");
    rows[at].querySelector(".row-link")?.focus();
  };
  if (table) document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    const rows = [...table.tBodies[0].rows];
    if (!rows.length) return;
    const held = rows.indexOf(event.target.closest("tr"));
    if (held >= 0) at = held;
    if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      go(rows, at + (event.key === "j" ? 1 : -1));
    } else if (at >= 0 && /^[a-z]$/.test(event.key)) {
      rows[at].querySelector(`[data-key="${event.key}"]`)?.click();
    }
  });
})();
