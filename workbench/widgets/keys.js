// Keeps JupyterLab's shortcuts away from keys that are pressed within a widget: in its command mode an arrow would move
// to another cell instead of changing a drop-down, and "d d" would delete the cell. Keys with Ctrl or Cmd stay its own.
// The mark has to be on the element at which the key was pressed: JupyterLab looks there first.
export default {
  render({ el }) {
    const listen = (event) => {
      if (el.closest(".wb-root")?.contains(event.target))
        event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey));
    };
    el.hidden = true;
    window.addEventListener("keydown", listen, true);
    return () => window.removeEventListener("keydown", listen, true);
  },
};
