// Shows what changed on the approval desk without a reload; what somebody is typing in is left alone.
import { followChanges, replaceChanged } from "./live.js";

const isLeftAlone = (part) => part.querySelector("form.paper") || part.contains(document.activeElement);

followChanges((fresh) => {
  for (const id of ["forms", "sheet", "armed", "deliveries"]) {
    replaceChanged(fresh, id, (part) => !isLeftAlone(part));
  }
});
