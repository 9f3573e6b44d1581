// What the page does beyond links and forms: the customer panel opens, closes, and follows the browser's history.
"use strict";

(() => {
  const panel = () => document.getElementById("panel");
  const isCustomer = (path) => path.startsWith("/customers/");
  const here = () => location.pathname + location.search;
  let list = isCustomer(location.pathname) ? "/" : here();
  let opener = null;

  const isOpen = () => panel() !== null && panel().firstElementChild !== null;

  const mark = () => {
    for (const link of document.querySelectorAll("#rows .open")) {
      if (isOpen() && link.getAttribute("href") === location.pathname) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };

  const close = () => {
    panel().replaceChildren();
    document.body.classList.remove("panel-open");
    mark();
    if (opener !== null && opener.isConnected) opener.focus({ preventScroll: true });
  };

  const closeAndReturn = () => {
    history.pushState({ htmx: true }, "", list);
    close();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#rows .open");
    if (link !== null) opener = link;
    if (event.target.closest("#panel .close") !== null) {
      event.preventDefault();
      closeAndReturn();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) closeAndReturn();
  });

  document.addEventListener("htmx:after:swap", () => {
    if (!isCustomer(location.pathname)) list = here();
    document.body.classList.toggle("panel-open", isOpen());
    if (isOpen() && !panel().contains(document.activeElement)) {
      panel().scrollTop = 0;
      panel().firstElementChild.focus({ preventScroll: true });
    }
    mark();
  });

  // Back and forward between the list and its customers need no new page.
  document.addEventListener("htmx:before:history:restore", (event) => {
    const path = event.detail.path;
    if (panel() === null) return;
    if (isCustomer(path)) {
      event.preventDefault();
      htmx.ajax("GET", path, { target: "#panel", swap: "innerHTML", select: "#customer" });
    } else if (path === list && isOpen()) {
      event.preventDefault();
      close();
    }
  });
})();
