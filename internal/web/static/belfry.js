// The script of Belfry's pages: keys, the palette, countdowns, theme, live
// updates and the log. Pages work without it.
(() => {
  "use strict";
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const cookie = (name, value) => { document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=strict`; };
  const main = () => $("#main");

  // The reader's zone: the server renders times in it.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && document.body.dataset.zone !== zone && !document.cookie.includes("belfry_zone=" + zone)) {
    cookie("belfry_zone", zone);
    addEventListener("load", () => refresh());
  }

  // Theme: auto, light, dark.
  function turnTheme() {
    const order = ["auto", "light", "dark"];
    const next = order[(order.indexOf(document.documentElement.dataset.theme) + 1) % order.length];
    document.documentElement.dataset.theme = next;
    cookie("belfry_theme", next);
    say("theme: " + next);
  }

  function say(text) {
    const note = document.createElement("div");
    note.className = "note";
    note.textContent = text;
    $("#toast").replaceChildren(note);
    setTimeout(() => note.remove(), 2500);
  }
  setTimeout(() => $("#toast .ok")?.remove(), 8000);

  // Countdowns. The words are those of clock.go.
  const two = (a, ua, b, ub) => b ? `${a} ${ua} ${b} ${ub}` : `${a} ${ua}`;
  function fine(s) {
    if (s < 60) return `${s} s`;
    if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
    if (s < 172800) return two(Math.floor(s / 3600), "h", Math.floor(s % 3600 / 60), "min");
    return two(Math.floor(s / 86400), "d", Math.floor(s % 86400 / 3600), "h");
  }
  function coarse(s) {
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 172800) return `${Math.floor(s / 3600)} h`;
    return `${Math.floor(s / 86400)} d`;
  }
  function relative(ms) {
    if (Math.abs(ms) < 1000) return "now";
    return ms < 0 ? coarse(Math.floor(-ms / 1000)) + " ago" : "in " + fine(Math.floor(ms / 1000));
  }
  function tick() {
    if (document.hidden || paused) return;
    for (const e of $$("[data-rel]")) {
      const text = relative(Date.parse(e.dataset.at || e.dateTime) - Date.now());
      if (e.textContent !== text) e.textContent = text;
    }
  }
  setInterval(tick, 1000);

  // Live updates: the server says that the page is out of date, htmx asks for
  // it again. Nothing moves while the pointer or the keys are at work on it.
  let paused = sessionStorage.getItem("belfry-paused") === "1";
  let waits = false, source = null, from = "";
  let pointerAt = 0;
  addEventListener("pointermove", () => { pointerAt = Date.now(); }, { passive: true });
  function busy() {
    const active = document.activeElement;
    return Date.now() - pointerAt < 1200 && main().matches(":hover") ||
      active && main().contains(active) && !active.closest("#logbox") && active.matches("input:not([type=checkbox]), textarea, select") ||
      $("#main .acts input[name=job]:checked, #main .acts input[name=run]:checked, #main .acts input[name=all]:checked") ||
      $("dialog[open]") || String(getSelection()) !== "";
  }
  function refresh() {
    waits = false;
    htmx.trigger(main(), "belfry:refresh");
  }
  function changed() {
    waits = true;
    showLive();
  }
  setInterval(() => {
    if (waits && !paused && !document.hidden && !busy()) refresh();
  }, 250);
  function showLive() {
    const b = $("#live");
    if (!b) return;
    b.hidden = !main().dataset.live;
    b.setAttribute("aria-pressed", String(paused));
    const state = paused ? "paused" : source && source.readyState === 1 ? "on" : "lost";
    b.dataset.liveState = state;
    $(".word", b).textContent = paused ? (waits ? "paused, new" : "paused") : state === "on" ? "live" : "connecting";
  }
  function listen() {
    const to = main().dataset.live || "";
    if (to === from && source && source.readyState !== 2) return showLive();
    source?.close();
    source = null;
    from = to;
    if (to) {
      source = new EventSource(to);
      source.addEventListener("open", showLive);
      source.addEventListener("changed", changed);
      source.addEventListener("error", () => {
        showLive();
        if (source?.readyState === 2) { const s = source; setTimeout(() => { if (s === source) { from = ""; listen(); } }, 5000); }
      });
    }
    showLive();
  }
  function pause() {
    paused = !paused;
    sessionStorage.setItem("belfry-paused", paused ? "1" : "0");
    if (!paused && waits) refresh();
    showLive();
  }

  // A run that was just asked for is known within a moment.
  let tries = 0;
  function again() {
    if ($("[data-again]") && tries++ < 20) setTimeout(refresh, 500);
  }
  // What is behind catches up, and nothing else may happen meanwhile.
  setInterval(() => { if ($("[data-behind]")) changed(); }, 2000);

  // Rows: j, k, Enter, x. Ticks: how many, and all.
  let here = -1;
  const rows = () => $$("#main tbody tr, #main .list > li").filter((r) => $("a", r) && r.offsetParent);
  function walk(step) {
    const all = rows();
    if (!all.length) return;
    here = Math.max(0, Math.min(all.length - 1, here + step));
    $$(".here").forEach((r) => r.classList.remove("here"));
    all[here].classList.add("here");
    ($("[data-row]", all[here]) || $("a", all[here])).focus({ preventScroll: true });
    all[here].scrollIntoView({ block: "nearest" });
  }
  function ticked() {
    for (const form of $$("form.acts")) {
      const count = $("[data-count]", form);
      if (!count) continue;
      const boxes = $$(`input[name="${count.dataset.count}"]`, form);
      const n = boxes.filter((b) => b.checked).length;
      const every = $("[data-every]", form)?.checked;
      count.textContent = every ? "all ticked" : n ? `${n} ticked` : "none ticked";
      $$("[data-needs]", form).forEach((b) => { b.disabled = !n && !every; });
      const all = $("[data-all]", form);
      all.checked = n > 0 && n === boxes.length;
      all.indeterminate = n > 0 && n < boxes.length;
    }
  }
  addEventListener("change", (e) => {
    if (e.target.matches("[data-all]")) {
      $$("tbody input[type=checkbox]", e.target.form).forEach((b) => { b.checked = e.target.checked; });
    }
    if (e.target.closest("form.acts")) ticked();
  });

  // What is asked back appears in a dialog. What needs no question is done, and
  // the answer says where to go (HX-Redirect).
  document.addEventListener("htmx:after:swap", () => {
    const question = $("#asked #confirm");
    if (question && !$("#dialog").open) {
      $("#dialog").showModal();
      $("button", question).focus();
    }
  });
  $("#dialog").addEventListener("close", () => $("#asked").replaceChildren());
  addEventListener("click", (e) => {
    if (e.target.closest("[data-close]") && $("#dialog").open) {
      e.preventDefault();
      $("#dialog").close();
      return;
    }
    const bar = e.target.closest("[data-href]");
    if (bar && !bar.closest("#palette")) { location.assign(bar.dataset.href); return; }
    const row = e.target.closest("tr[data-open]");
    if (row && !e.target.closest("a, button, input, label, summary, code") && String(getSelection()) === "") location.assign(row.dataset.open);
    if (e.target.closest("#live")) pause();
    if (e.target.closest("#theme")) turnTheme();
    if (e.target.closest("#open-keys")) $("#keys").showModal();
    if (e.target.closest("#open-palette")) openPalette();
    if (e.target.matches("dialog")) e.target.close();
  });

  // The palette.
  const places = [["Overview", "/"], ["Jobs", "/jobs"], ["Failing jobs", "/jobs?health=failing"], ["Late jobs", "/jobs?health=late"], ["Paused jobs", "/jobs?health=paused"], ["Runs", "/runs"], ["Running now", "/runs?state=running"], ["Failed runs", "/runs?state=failed"], ["Dead letters", "/dead"], ["Calendar", "/calendar"], ["Load", "/load"], ["Members", "/members"], ["Kafka", "/kafka"], ["Audit", "/audit"]];
  let asked = 0;
  function openPalette() {
    if ($("dialog[open]")) return;
    $("#palette").showModal();
    $("#palette-text").value = "";
    match();
  }
  async function match() {
    const text = $("#palette-text").value.trim(), turn = ++asked;
    const list = $("#palette-list");
    const found = places.filter(([word]) => word.toLowerCase().includes(text.toLowerCase())).slice(0, text ? 4 : 14);
    const local = found.map(([word, href]) => {
      const li = document.createElement("li");
      li.setAttribute("role", "option");
      li.dataset.href = href;
      li.append(Object.assign(document.createElement("span"), { textContent: word }), Object.assign(document.createElement("span"), { textContent: "page", className: "muted" }));
      return li;
    });
    list.replaceChildren(...local);
    select(0);
    if (!text) return;
    try {
      const answer = await fetch("/find?q=" + encodeURIComponent(text), { headers: { Accept: "text/html" } });
      if (!answer.ok || turn !== asked) return;
      list.insertAdjacentHTML("beforeend", await answer.text());
      select(0);
    } catch { /* the pages are found all the same */ }
  }
  function select(i) {
    const all = $$("#palette-list li");
    all.forEach((li, k) => { li.id = "option-" + k; li.setAttribute("aria-selected", String(k === i)); });
    if (all[i]) { $("#palette-text").setAttribute("aria-activedescendant", "option-" + i); all[i].scrollIntoView({ block: "nearest" }); }
  }
  const selected = () => $$("#palette-list li").findIndex((li) => li.getAttribute("aria-selected") === "true");
  $("#palette-text")?.addEventListener("input", match);
  $("#palette")?.addEventListener("keydown", (e) => {
    const n = $$("#palette-list li").length, i = selected();
    if (e.key === "ArrowDown") { e.preventDefault(); select(Math.min(n - 1, i + 1)); }
    if (e.key === "ArrowUp") { e.preventDefault(); select(Math.max(0, i - 1)); }
    if (e.key === "Enter" && n) { e.preventDefault(); location.assign($$("#palette-list li")[Math.max(0, i)].dataset.href); }
  });
  $("#palette-list")?.addEventListener("click", (e) => {
    const li = e.target.closest("li");
    if (li) location.assign(li.dataset.href);
  });

  // Keys.
  const goes = { o: "/", j: "/jobs", r: "/runs", d: "/dead", c: "/calendar", l: "/load", m: "/members", k: "/kafka", a: "/audit" };
  let went = 0;
  addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); openPalette(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey || $("dialog[open]")) return;
    if (e.target.matches("input:not([type=checkbox]), textarea, select")) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    if (Date.now() - went < 1200 && goes[e.key]) { went = 0; location.assign(goes[e.key]); return; }
    const keys = {
      "/": () => ($("#log-text") || $("#main [data-search]") || $("#find"))?.focus(),
      "?": () => $("#keys")?.showModal(),
      j: () => walk(1), k: () => walk(-1),
      g: () => { went = Date.now(); },
      e: () => $("#edit-link")?.click(),
      p: pause, t: turnTheme, f: () => $("#log-follow")?.click(),
      x: () => $(".here input[type=checkbox]")?.click(),
      Enter: () => { if (!e.target.closest("a, button")) $(".here [data-row], .here a")?.click(); else return false; },
    };
    if (keys[e.key] && keys[e.key]() !== false) e.preventDefault();
  });

  // The log of a run: follow, search.
  let log = null, feed = null, openFeed = () => {};
  function openLog() {
    if ($("#log") === log) return;
    feed?.close();
    log = $("#log");
    if (!log) return;
    const button = $("#log-follow");
    let follows = button !== null;
    const toEnd = () => { if (follows) log.scrollTop = log.scrollHeight; };
    button?.addEventListener("click", () => {
      follows = !follows;
      button.setAttribute("aria-pressed", String(follows));
      $(".live-dot", button).classList.toggle("on", follows);
      toEnd();
    });
    // Whoever scrolls up wants to read: the log stays where it is.
    log.addEventListener("wheel", (e) => { if (e.deltaY < 0 && follows && button) button.click(); }, { passive: true });
    const text = $("#log-text"), only = $("#log-only"), told = $("#log-found");
    let count = 0;
    function search(lines) {
      const wanted = text.value.toLowerCase();
      for (const line of lines) {
        $$("mark", line).forEach((m) => m.replaceWith(...m.childNodes));
        line.normalize();
        const hit = wanted && line.textContent.toLowerCase().includes(wanted);
        line.hidden = Boolean(wanted) && only.checked && !hit;
        if (hit) { count++; paint(line, wanted); }
      }
      told.textContent = wanted ? `${count} ${count === 1 ? "line" : "lines"}` : "";
    }
    function paint(line, wanted) {
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT), nodes = [];
      while (walker.nextNode()) nodes.push(walker.currentNode);
      for (const node of nodes) {
        let rest = node, at;
        while ((at = rest.data.toLowerCase().indexOf(wanted)) >= 0) {
          const hit = rest.splitText(at);
          rest = hit.splitText(wanted.length);
          const mark = document.createElement("mark");
          hit.replaceWith(mark);
          mark.append(hit);
        }
      }
    }
    const all = () => { count = 0; search($$(":scope > div", log)); $("mark", log)?.scrollIntoView({ block: "nearest" }); };
    text.addEventListener("input", all);
    only.addEventListener("change", all);
    text.addEventListener("keydown", (e) => {
      if (e.key !== "Enter") return;
      const marks = $$("mark", log), at = marks.findIndex((m) => m.dataset.at);
      marks[at]?.removeAttribute("data-at");
      const next = marks[(at + 1) % marks.length];
      if (next) { next.dataset.at = "1"; next.scrollIntoView({ block: "center" }); }
    });
    const mostLines = 20000; // of a log that goes on for days
    openFeed = () => {
      if (!log.dataset.follow || log.dataset.ended || feed && feed.readyState !== 2) return;
      feed = new EventSource(log.dataset.follow);
      feed.addEventListener("reset", () => { log.replaceChildren(); count = 0; });
      feed.addEventListener("lines", (e) => {
        const had = log.childElementCount;
        log.insertAdjacentHTML("beforeend", e.data);
        if (text.value) search([...log.children].slice(had));
        while (log.childElementCount > mostLines) log.firstElementChild.remove();
        toEnd();
      });
      feed.addEventListener("end", () => { feed.close(); button.hidden = true; log.dataset.ended = "1"; });
    };
    openFeed();
  }

  // A tab that nobody looks at holds no stream: over HTTP/1.1 a browser opens
  // six connections to a server, and with six such tabs the next page would wait.
  let hidden = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) {
      hidden = setTimeout(() => { source?.close(); source = null; from = ""; feed?.close(); }, 5000);
      return;
    }
    if (!source && main().dataset.live) { listen(); changed(); }
    openFeed();
  });

  function settle() { ticked(); tick(); listen(); openLog(); again(); showLive(); }
  document.addEventListener("htmx:after:swap", () => { here = -1; settle(); });
  addEventListener("pagehide", () => { source?.close(); feed?.close(); });
  addEventListener("pageshow", (e) => { if (e.persisted) { from = ""; listen(); } });
  settle();
})();
