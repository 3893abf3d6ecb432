/** The page's style sheet. Colours are variables, which the system's scheme and the button choose between. */

const LIGHT =
  "--back:#fff;--text:#1b1f24;--quiet:#59636e;--line:#d1d9e0;--code:#f3f5f7;--link:#0757b8;--box:#eef3fb;--edge:#5f7fae;" +
  "--end:#e6f5ea;--mark:#ffe3e0;--bar:#3b73c4;color-scheme:light";
const DARK =
  "--back:#12161c;--text:#e4e8ee;--quiet:#9aa5b1;--line:#343c47;--code:#1c222b;--link:#7ab3ff;--box:#1d2a3d;--edge:#7d9ac4;" +
  "--end:#173322;--mark:#4a2320;--bar:#7ab3ff;color-scheme:dark";

/** CSS. */
export const STYLE = `:root { ${LIGHT} }
:root:has(#theme:checked) { ${DARK} }
@media (prefers-color-scheme: dark) {
  :root { ${DARK} }
  :root:has(#theme:checked) { ${LIGHT} }
}
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; }
h2 { font-size: 1.1rem; display: inline; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
#theme { position: absolute; opacity: 0; }
label[for=theme] { position: fixed; top: .8rem; right: 1rem; font-size: 1.4rem; cursor: pointer; }
#theme:focus-visible + label { outline: 2px solid var(--link); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0 0 1rem; }
dt, small { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--line); padding: .6rem 0; }
summary { cursor: pointer; }
a { color: var(--link); }
ul { margin: .4rem 0; padding-left: 1.4rem; }
.steps { list-style: none; padding: 0; }
.scroll, .graph, pre { overflow: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td { max-width: 40rem; }
th.right, td.right { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr:target { background: var(--mark); }
.side { display: flex; flex-wrap: wrap; gap: 0 3rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
code { overflow-wrap: break-word; }
pre { background: var(--code); border-radius: 6px; padding: .8rem; max-height: 70vh; }
pre.error { border-left: 4px solid #d1372c; white-space: pre-wrap; overflow-wrap: anywhere; }
meter { width: 6rem; }
.graph { max-height: 80vh; border: 1px solid var(--line); border-radius: 6px; }
svg { display: block; }
#full:not(:checked) ~ .graph svg { max-width: 100%; height: auto; }
svg text { font: 12px ui-monospace, monospace; text-anchor: middle; fill: var(--text); }
svg .detail { font-size: 10.5px; fill: var(--quiet); }
.box rect { fill: var(--box); stroke: var(--edge); }
.box.input rect, .box.output rect { fill: var(--end); }
.box.group rect { stroke-dasharray: 4 3; }
.box.marked rect { fill: var(--mark); stroke: #d1372c; stroke-width: 2; }
.box:hover rect { stroke-width: 2.5; }
.arrow { fill: none; stroke: var(--edge); }
#tip path { fill: var(--edge); }
.histogram rect { fill: var(--bar); }
.histogram .back { fill: var(--code); }
.histogram text { font-size: 9px; fill: var(--quiet); text-anchor: start; }
`;
