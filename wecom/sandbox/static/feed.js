// Shows new messages without a reload. The server says when something changed; this page then fetches
// itself and takes over what differs, so that there is one way to draw a message. Without script the
// page reloads every few seconds.
"use strict";

(() => {
  const live = document.getElementById("live");
  const lostWord = live.dataset.lost;
  const liveWord = live.querySelector("b").textContent;
  let version = document.body.dataset.version;
  let isBusy = false;
  let isStale = false;

  // Parts that are replaced as a whole; forms are left alone, somebody may be filling them in.
  const WHOLE = ["groups", "chat-head", "numbers", "robots", "faults"];

  const takeOver = (fresh) => {
    for (const id of WHOLE) {
      const old = document.getElementById(id);
      const now = fresh.getElementById(id);
      if (old && now && old.innerHTML !== now.innerHTML) old.replaceWith(document.adoptNode(now));
    }
    const feed = document.getElementById("feed");
    const atEnd = Math.abs(feed.scrollTop) < 80; // the box is filled from its lower edge: 0 is the newest
    const before = feed.scrollHeight;
    const wanted = [...fresh.getElementById("feed").children];
    const known = new Map([...feed.children].map((child) => [child.id, child]));
    const keep = new Set(wanted.map((child) => child.id));
    for (const [id, child] of known) if (!keep.has(id)) child.remove();
    let next = feed.firstElementChild;
    for (const child of wanted) {
      const old = known.get(child.id);
      if (old) {
        if (old !== next) feed.insertBefore(old, next);
        next = old.nextElementSibling;
      } else {
        const added = document.adoptNode(child);
        if (added.classList.contains("msg")) added.classList.add("fresh");
        feed.insertBefore(added, next);
      }
    }
    if (atEnd) feed.scrollTop = 0;
    else feed.scrollTop -= feed.scrollHeight - before; // keep what is being read in place
  };

  const refresh = async () => {
    if (isBusy) {
      isStale = true;
      return;
    }
    isBusy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      takeOver(fresh);
      version = fresh.body.dataset.version;
    } catch {
      isStale = false; // the stream reconnects and tells again
    }
    setTimeout(() => {
      isBusy = false;
      if (isStale) {
        isStale = false;
        refresh();
      }
    }, 150);
  };

  const say = (isLive) => {
    live.className = isLive ? "live on" : "live lost";
    live.querySelector("b").textContent = isLive ? liveWord : lostWord;
  };

  const stream = new EventSource("/events");
  stream.onopen = () => say(true);
  stream.onerror = () => say(false);
  stream.onmessage = (event) => {
    if (event.data !== version) refresh();
  };
  setInterval(() => document.hidden || refresh(), 20000); // the robots' minutes pass without an event
  addEventListener("pagehide", () => stream.close());
})();
