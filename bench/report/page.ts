/** The report page's looks: the system's own fonts, colours for light and dark, one column on a phone. */
export const pageStyle = `
:root { --bg: #f6f7f9; --card: #fff; --ink: #16202c; --soft: #5c6875; --line: #e2e6eb; --band: #eef1f5;
  --c1: #2563eb; --c2: #0d9488; --c3: #d97706; --c4: #be185d; --bad: #dc2626; --good: #15803d; --warn: #b45309; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #0f141a; --card: #171e26; --ink: #e6ebf1; --soft: #93a0ae; --line: #2a333d; --band: #1d262f;
    --c1: #60a5fa; --c2: #2dd4bf; --c3: #fbbf24; --c4: #f472b6; --bad: #f87171; --good: #4ade80; --warn: #fbbf24; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem) 4rem; background: var(--bg); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
header, main { max-width: 1360px; margin: 0 auto; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
header p { margin: .3rem 0; color: var(--soft); }
.kind { text-transform: uppercase; letter-spacing: .06em; font-size: .8rem; }
header .note { color: inherit; border-left: 4px solid; padding: .4rem .8rem; border-radius: 4px;
  background: var(--card); }
.note.warn { border-color: var(--warn); } .note.bad { border-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.tile, figure, .scroll, dl, .objectives { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: .8rem 1rem; } .tile b { display: block; font-size: 1.45rem; font-weight: 650; }
.tile span { color: var(--soft); font-size: .85rem; }
.tile.bad b { color: var(--bad); } .tile.good b { color: var(--good); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: .8rem; }
figure { margin: 0; padding: .9rem 1rem .5rem; } figcaption { font-weight: 600; }
.legend { float: right; margin: -1.5em 0 0; padding: 0; list-style: none; font-size: .85rem; color: var(--soft); }
.legend li { display: inline-block; margin-left: 1em; } .legend li::before { content: ""; display: inline-block;
  width: 1em; height: .25em; margin: 0 .4em .2em 0; border-radius: 2px; background: var(--colour); }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 11px; }
text.y { text-anchor: end; dominant-baseline: middle; } text.x, text.label, text.band-name { text-anchor: middle; }
text.band-name { font-size: 10px; } .grid { stroke: var(--line); } .axis { stroke: var(--soft); }
.band { fill: var(--band); }
.cursor { stroke: var(--soft); stroke-dasharray: 3 3; }
.c1 { --colour: var(--c1); } .c2 { --colour: var(--c2); } .c3 { --colour: var(--c3); } .c4 { --colour: var(--c4); }
li.bad, path.bad { --colour: var(--bad); }
.line { fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; }
.area { fill: var(--colour); opacity: .16; } .bar, .dot { fill: var(--colour); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .45rem .9rem; text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: .85rem; } tbody tr { border-top: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.objectives { list-style: none; margin: 0 0 .8rem; padding: .4rem 1rem; }
.objectives i { font-style: normal; font-weight: 600; }
.objectives .good i { color: var(--good); } .objectives .bad i { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.4rem; margin: 0; padding: .9rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
#readout { position: fixed; pointer-events: none; background: var(--ink); color: var(--bg); border-radius: 6px;
  padding: .3rem .6rem; font-size: .82rem; white-space: pre; z-index: 1; }
@media (max-width: 600px) {
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .legend { float: none; margin: .2rem 0; } .legend li { margin: 0 1em 0 0; }
}
@media print { body { background: #fff; } figure, section { break-inside: avoid; } }
`;

/** Shows what stands under the pointer. The page is complete without it. */
export const pageScript = `
const readout = document.getElementById("readout");
for (const svg of document.querySelectorAll("svg[data-points]")) {
  const series = JSON.parse(svg.dataset.points);
  const cursor = svg.querySelector(".cursor");
  svg.addEventListener("pointermove", (event) => {
    const at = (event.offsetX / svg.clientWidth) * svg.viewBox.baseVal.width;
    const nearest = (points) => points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a), points[0]);
    const found = series.filter((one) => one.points.length > 0).map((one) => [one.name, nearest(one.points)]);
    if (found.length === 0) return;
    for (const side of ["x1", "x2"]) cursor.setAttribute(side, found[0][1][0]);
    readout.textContent = [found[0][1][1], ...found.map(([name, point]) => name + "  " + point[2])].join("\\n");
    readout.hidden = false;
    const flip = event.clientX > innerWidth - readout.offsetWidth - 30;
    readout.style.left = event.clientX + (flip ? -readout.offsetWidth - 14 : 14) + "px";
    readout.style.top = event.clientY + 14 + "px";
  });
  svg.addEventListener("pointerleave", () => {
    readout.hidden = true;
    for (const side of ["x1", "x2"]) cursor.setAttribute(side, -9);
  });
}
`;
