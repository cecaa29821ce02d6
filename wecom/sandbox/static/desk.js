// Shows what changed on the approval desk without a reload; what somebody is typing in is left alone.
"use strict";

(() => {
  const live = document.getElementById("live");
  const lostWord = live.dataset.lost;
  const liveWord = live.querySelector("b").textContent;
  let version = document.body.dataset.version;

  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["forms", "sheet", "armed", "deliveries"]) {
      const old = document.getElementById(id);
      const now = fresh.getElementById(id);
      const isTyping = old.querySelector("form.paper") || old.contains(document.activeElement);
      if (now && !isTyping && old.innerHTML !== now.innerHTML) old.replaceWith(document.adoptNode(now));
    }
    version = fresh.body.dataset.version;
  };

  const say = (isLive) => {
    live.className = isLive ? "live on" : "live lost";
    live.querySelector("b").textContent = isLive ? liveWord : lostWord;
  };

  const stream = new EventSource("/events");
  stream.onopen = () => say(true);
  stream.onerror = () => say(false);
  stream.onmessage = (event) => {
    if (event.data !== version) refresh().catch(() => say(false));
  };
  addEventListener("pagehide", () => stream.close());
})();
