// Draws a Vega-Lite picture as wide as there is room for, and anew whenever the specification or the room changes.
// Follows Vega's own script, which sets `vegaEmbed` on the window.
export default (() => {
  const CHANGE = 24; // pixels; a scroll bar that comes or goes is no reason to draw again

  // Panels take the room that is left in equal parts, and grow a little higher with it.
  const stretched = (spec, room) => {
    const natural = spec.usermeta?.naturalWidth;
    const extra = natural ? Math.max(-140, Math.min(1100, room - natural)) : 0;
    const higher = Math.max(1, Math.min(1.4, 1 + extra / 1200));
    for (const row of spec.vconcat ?? []) {
      const panels = row.hconcat ?? [row];
      for (const panel of panels) {
        panel.width += Math.floor(extra / panels.length);
        if (typeof panel.height === "number") panel.height = Math.round(panel.height * higher);
      }
    }
    return spec;
  };

  const render = ({ model, el }) => {
    let room = 0;
    let finalize = () => {};
    let asked = false;
    let drawing = Promise.resolve();

    // Beside the old picture, which is then replaced: nothing flickers and nothing below jumps.
    const draw = async () => {
      asked = false;
      const next = document.createElement("div");
      const spec = stretched(structuredClone(model.get("spec")), room);
      const drawn = await window.vegaEmbed(next, spec, { renderer: "svg", actions: false });
      finalize();
      finalize = () => drawn.finalize();
      el.replaceChildren(next);
    };
    const ask = () => {
      if (asked || !room) return;
      asked = true;
      drawing = drawing.then(draw).catch((error) => {
        el.textContent = `The picture cannot be drawn: ${error.message}`;
      });
    };
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry.contentRect.width);
      if (!width || Math.abs(width - room) < CHANGE) return;
      room = width;
      ask();
    });

    el.classList.add("wb-picture");
    observer.observe(el);
    model.on("change:spec", ask);
    return () => {
      observer.disconnect();
      model.off("change:spec", ask);
      finalize();
    };
  };
  return { render };
})();
