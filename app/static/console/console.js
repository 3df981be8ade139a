// What pages do beyond links and forms: all of it by listening at the document, so that swapped-in parts work too.
(() => {
  "use strict";
  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Toasts, and the address without what the toast said.
  const say = (text, tone) => {
    const toast = document.createElement("p");
    toast.className = `toast ${tone}`;
    toast.textContent = text;
    one(".toasts").append(toast);
    setTimeout(() => toast.remove(), 6000);
  };
  all("[data-toast]").forEach((toast) => setTimeout(() => toast.remove(), 6000));
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(history.state, "", address);
  }

  // Light and dark.
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const switchTheme = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    drawAll();
  };

  // The menu of a phone.
  const showMenu = (open) => {
    root.classList.toggle("menu-open", open);
    one("[data-menu]")?.setAttribute("aria-expanded", String(open));
    if (open) one("#nav a")?.focus();
    else if (document.activeElement?.closest("#nav")) one("[data-menu]")?.focus();
  };

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    if (at("[data-theme-switch]")) switchTheme();
    else if (at("[data-menu]")) showMenu(!root.classList.contains("menu-open"));
    else if (at("[data-dialog]")) document.getElementById(at("[data-dialog]").dataset.dialog)?.showModal();
    else if (at("[data-close]")) at("dialog").close();
    else if (at("[data-numbers]")) download(at("[data-numbers]").dataset.numbers);
    else if (at("[data-copy]")) copy(at("[data-copy]"));
    else if (at("[data-fill-code]")) fill(at("[data-fill-code]").dataset);
    else if (root.classList.contains("menu-open") && !at("#nav")) showMenu(false);
    else if (event.target.matches("dialog")) event.target.close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && root.classList.contains("menu-open")) showMenu(false);
    if (event.key === "/" && !event.target.matches("input, textarea, select")) {
      const search = one("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });

  // A form is sent once, however often the button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    one("[type=submit]", form)?.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    one("[type=submit]", form)?.removeAttribute("aria-busy");
  }));

  all("dialog[data-open]").forEach((dialog) => dialog.showModal());
  one("[data-focus]")?.focus();

  const fill = (given) => {
    one("[name=code]").value = given.fillCode;
    one("[name=password]").value = given.fillPassword;
    one("#login [type=submit]").focus();
  };
  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      say("已复制", "good");
    } catch {
      say("没能复制，请手动选中", "warn");
    }
  };

  // Parts that ask again every two seconds while somebody looks; one that fails says so, and goes on asking.
  const isLive = (event) => event.detail.elt.matches("[data-live]");
  const tellStale = (event, isStale) => { const note = one("[data-stale]", event.detail.elt); if (note) note.hidden = !isStale; };
  setInterval(() => { if (!document.hidden) all("[data-live]").forEach((part) => htmx.trigger(part, "look")); }, 2000);
  document.addEventListener("htmx:afterRequest", (event) => { if (isLive(event) && event.detail.successful) tellStale(event, false); });

  // Tables that reload a part of the page.
  document.addEventListener("htmx:configRequest", (event) => {
    const token = one("meta[name=csrf]")?.content;
    if (token) event.detail.headers["X-CSRF-Token"] = token;
    for (const [name, value] of [...event.detail.formData.entries()]) if (value === "") event.detail.formData.delete(name);
  });
  document.addEventListener("htmx:beforeRequest", (event) => { if (!isLive(event)) event.detail.target.setAttribute("aria-busy", "true"); });
  document.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));
  const failed = (event) => {
    if (isLive(event)) { tellStale(event, true); return; }
    const body = one(".table-body", event.detail.target) || event.detail.target;
    const box = document.createElement("div");
    box.className = "empty bad";
    box.setAttribute("role", "alert");
    const text = document.createElement("p");
    text.className = "empty-title";
    text.textContent = "没取到数据";
    const again = document.createElement("a");
    again.className = "button plain";
    again.textContent = "再试一次";
    again.href = event.detail.pathInfo?.finalRequestPath || location.href;
    box.append(text, again);
    body.replaceChildren(box);
  };
  ["htmx:responseError", "htmx:sendError", "htmx:timeout"].forEach((name) => document.addEventListener(name, failed));

  // Charts.
  const dataOf = (id) => JSON.parse(document.getElementById(`${id}-data`).textContent);
  const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const options = (data) => {
    const ink = token("--ink"), quiet = token("--quiet"), line = token("--line");
    const colours = [1, 2, 3, 4, 5].map((n) => token(`--chart-${n}`));
    const shared = { color: colours, animation: !matchMedia("(prefers-reduced-motion: reduce)").matches, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, tooltip: { trigger: data.kind === "pie" ? "item" : "axis", confine: true, backgroundColor: token("--surface"), borderColor: line, textStyle: { color: ink } } };
    if (data.kind === "pie") {
      const values = data.categories.map((name, n) => ({ name, value: data.series[0].values[n] }));
      return { ...shared, legend: { bottom: 0, textStyle: { color: quiet } }, series: [{ type: "pie", radius: ["48%", "72%"], center: ["50%", "44%"], label: { color: ink }, itemStyle: { borderColor: token("--surface"), borderWidth: 2 }, data: values }] };
    }
    return {
      ...shared,
      legend: data.series.length > 1 ? { top: 0, right: 0, textStyle: { color: quiet } } : undefined,
      grid: { left: 8, right: 12, top: data.series.length > 1 ? 34 : 14, bottom: 4, containLabel: true },
      xAxis: { type: "category", data: data.categories, boundaryGap: data.kind === "bar", axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { color: quiet, hideOverlap: true } },
      yAxis: { type: "value", minInterval: 1, splitLine: { lineStyle: { color: line } }, axisLabel: { color: quiet } },
      series: data.series.map((s) => ({ name: s.name, type: data.kind, data: s.values, smooth: 0.25, symbolSize: 6, barMaxWidth: 26, itemStyle: data.kind === "bar" ? { borderRadius: [4, 4, 0, 0] } : undefined, areaStyle: data.kind === "line" && data.series.length === 1 ? { opacity: 0.1 } : undefined })),
    };
  };
  const drawn = new Map();
  const draw = (figure) => {
    const plot = one(".plot", figure);
    const chart = drawn.get(plot) || (plot.replaceChildren(), echarts.init(plot));
    drawn.set(plot, chart);
    chart.setOption(options(dataOf(figure.dataset.chart)), true);
  };
  const drawAll = () => { if (window.echarts) all("[data-chart]").forEach(draw); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
  const download = (id) => {
    const data = dataOf(id);
    const safe = (value) => { const text = String(value); return /^[=+\-@\t\r]/.test(text) && typeof value !== "number" ? `'${text}` : text; };
    const quoted = (value) => `"${safe(value).replaceAll('"', '""')}"`;
    const rows = [["", ...data.series.map((s) => s.name)], ...data.categories.map((name, n) => [name, ...data.series.map((s) => s.values[n])])];
    const file = new Blob(["\ufeff" + rows.map((row) => row.map(quoted).join(",")).join("\r\n")], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${one(`[data-chart="${id}"] figcaption span`).textContent}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  drawAll();
})();
