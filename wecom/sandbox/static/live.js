// What every page of the sandbox does: the server says when something changed; the page then fetches
// itself and takes over what differs, so that there is one way to draw it. A sign tells whether it listens.
export const replaceChanged = (fresh, id, mayReplace = () => true) => {
  const old = document.getElementById(id);
  const now = fresh.getElementById(id);
  if (old && now && mayReplace(old) && old.innerHTML !== now.innerHTML) old.replaceWith(document.adoptNode(now));
};

// `takeOver` gets the fresh document; `everyMs`: also fetched so often, for what passes without an event.
export const followChanges = (takeOver, everyMs = 0) => {
  const live = document.getElementById("live");
  const lostWord = live.dataset.lost;
  const liveWord = live.querySelector("b").textContent;
  let version = document.body.dataset.version;
  let isBusy = false;
  let isStale = false;

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
  if (everyMs) setInterval(() => document.hidden || refresh(), everyMs);
  addEventListener("pagehide", () => stream.close());
};
