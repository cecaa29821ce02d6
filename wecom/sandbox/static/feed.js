// Shows new messages without a reload (see live.js). Without script the page reloads every few seconds.
import { followChanges, replaceChanged } from "./live.js";

// Parts that are replaced as a whole; forms are left alone, somebody may be filling them in.
const WHOLE = ["groups", "chat-head", "numbers", "robots", "faults"];

const takeOver = (fresh) => {
  for (const id of WHOLE) replaceChanged(fresh, id);
  const feed = document.getElementById("feed");
  const atEnd = Math.abs(feed.scrollTop) < 80; // the box is filled from its lower edge: 0 is the newest
  const before = feed.scrollHeight;
  const wanted = [...fresh.getElementById("feed").children];
  const known = new Map([...feed.children].map((child) => [child.id, child]));
  const keep = new Set(wanted.map((child) => child.id));
  for (const [id, child] of known) if (!keep.has(id)) child.remove();
  let next = feed.firstElementChild;
  for (const child of wanted) {
    let old = known.get(child.id);
    if (old && old.dataset.look !== child.dataset.look) {
      // A card whose buttons were pressed or are gone: it changes where it stands.
      const changed = document.adoptNode(child);
      old.replaceWith(changed);
      if (next === old) next = changed;
      old = changed;
    }
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

followChanges(takeOver, 20000); // the robots' minutes pass without an event
