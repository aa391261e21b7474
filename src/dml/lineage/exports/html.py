"""The drawing in one self-contained page: pan by dragging, zoom by wheel or keys, click a box for its details.

The page loads nothing and sends nothing; a content security policy says so to the browser. Details travel as JSON in
a script element in which no ``<`` occurs, and are shown as text, never as markup.
"""

from __future__ import annotations

import json
from html import escape

from dml.lineage.exports.document import GraphDocument, caption, detail_rows
from dml.lineage.exports.layout import arrange
from dml.lineage.exports.svg import STYLE, drawing

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width"><title>%(title)s</title>
<style>%(style)s
html,body{margin:0;height:100%%;font:14px system-ui,sans-serif;color:#1b2733}
#view{width:100%%;height:100%%;cursor:grab;background:#fff;display:block}
.node{cursor:pointer}.node:focus{outline:none}.node.chosen rect{stroke:#0b6bcb;stroke-width:3}
#details{position:fixed;right:0;top:0;bottom:0;width:340px;max-width:90vw;overflow:auto;background:#f7f9fb;\
border-left:1px solid #cdd6df;padding:16px;box-sizing:border-box}
#details[hidden]{display:none}#details dt{font-size:11px;color:#4d5965;margin-top:8px}
#details dd{margin:0;overflow-wrap:anywhere}#details button{float:right}
#help{position:fixed;left:12px;bottom:10px;font-size:12px;color:#4d5965}
</style></head><body>
<svg id="view" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %(width)d %(height)d" role="img" \
aria-label="%(title)s"><g id="all">%(drawing)s</g></svg>
<aside id="details" hidden aria-live="polite"></aside>
<div id="help">drag to move · wheel or + and - to zoom · 0 shows all · click a box for details</div>
<script type="application/json" id="data">%(data)s</script>
<script>%(script)s</script>
</body></html>
"""

_SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const view = document.getElementById("view"), details = document.getElementById("details");
const whole = view.getAttribute("viewBox").split(" ").map(Number);
let box = whole.slice(), drag = null, moved = false;
const show = () => view.setAttribute("viewBox", box.join(" "));
function zoom(factor, x, y) {
  const width = Math.min(Math.max(box[2] * factor, 100), whole[2] * 8), scale = width / box[2];
  box = [x - (x - box[0]) * scale, y - (y - box[1]) * scale, width, box[3] * scale];
  show();
}
function point(event) {
  const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(view.getScreenCTM().inverse());
  return [p.x, p.y];
}
view.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, ...point(event));
}, {passive: false});
view.addEventListener("pointerdown", event => { drag = point(event); moved = false; });
window.addEventListener("pointermove", event => {
  if (!drag) return;
  const [x, y] = point(event);
  if (Math.abs(x - drag[0]) + Math.abs(y - drag[1]) > box[2] / 200) moved = true;
  box[0] += drag[0] - x; box[1] += drag[1] - y;
  show();
});
window.addEventListener("pointerup", () => { drag = null; });
view.addEventListener("click", event => {
  const node = event.target.closest(".node");
  if (node && !moved) choose(node);
});
view.addEventListener("keydown", event => {
  const node = event.target.closest(".node");
  if (node && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); choose(node); }
});
window.addEventListener("keydown", event => {
  const middle = [box[0] + box[2] / 2, box[1] + box[3] / 2];
  if (event.key === "+") zoom(1 / 1.2, ...middle);
  else if (event.key === "-") zoom(1.2, ...middle);
  else if (event.key === "0") { box = whole.slice(); show(); }
  else if (event.key === "Escape") close();
});
function close() {
  details.hidden = true;
  document.querySelectorAll(".chosen").forEach(node => node.classList.remove("chosen"));
}
function choose(node) {
  close();
  node.classList.add("chosen");
  const button = document.createElement("button"), list = document.createElement("dl");
  button.textContent = "close";
  button.addEventListener("click", close);
  for (const [name, text] of data[node.dataset.key] || []) {
    const term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = name;
    value.textContent = text;
    list.append(term, value);
  }
  details.replaceChildren(button, list);
  details.hidden = false;
}
document.documentElement.dataset.ready = "yes";
"""


def render(subject: GraphDocument) -> str:
    """Render the graph as one page."""
    layout = arrange(subject.graph)
    data = {key: detail_rows(subject, node) for key, node in subject.graph.nodes.items()}
    return _PAGE % {
        "title": escape(f"Lineage of {caption(subject.graph.nodes[subject.root_key])}", quote=True),
        "style": STYLE,
        "width": layout.width,
        "height": layout.height,
        "drawing": drawing(subject, layout),
        "data": embedded_json(data),
        "script": _SCRIPT,
    }


def embedded_json(data: object) -> str:
    """JSON that may stand in a script element: no ``<``, ``>`` or ``&`` occurs in it, and it is pure ASCII."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
