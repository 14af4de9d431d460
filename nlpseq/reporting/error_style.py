"""Style and script of the page of errors: inline, for light and dark screens and for print."""

import base64
import hashlib

LAYOUT = """\
* { box-sizing: border-box; }
:root { --card: #fff; --wash: #f6f7f9; --good: #00734f; --bad: #b34700; --good-wash: #e3f3ec;
  --bad-wash: #fbeadf; --bar: #0072b233; --mark: 240 150 0; --against: 0 114 178; --strength: 62%; }
@media screen and (prefers-color-scheme: dark) {
  :root { --card: #22262c; --wash: #16191d; --good: #5fd0a5; --bad: #ffa366; --good-wash: #17382d;
    --bad-wash: #412a1a; --bar: #56b4e940; --mark: 255 160 20; --against: 60 150 230; --strength: 48%; }
}
body { margin: 0; background: var(--wash); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.2rem 1.2rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .3rem; scroll-margin-top: 4rem; }
h3 { font-size: .95rem; margin: 1.6rem 0 .4rem; color: var(--faint); font-weight: 600; }
.lead, .hint, footer { color: var(--faint); margin: .3rem 0 0; }
.hint { font-size: .9rem; max-width: 58rem; margin-bottom: .8rem; }
.hint .gold, .hint .wrong { padding: .02rem .45rem; font-weight: 500; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.4rem 0 .4rem; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .7rem 1.1rem;
  min-width: 8.5rem; flex: 0 1 auto; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { font-size: .82rem; color: var(--faint); }
.notes { border-left: .25rem solid var(--bad); margin: 1rem 0; padding: .1rem 0 .1rem .9rem; font-size: .92rem;
  overflow-wrap: anywhere; }
.notes p { margin: .2rem 0; }
nav { position: sticky; top: 0; z-index: 1; background: var(--wash); padding: .6rem 0; margin-top: 1rem;
  border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; align-items: center;
  font-size: .92rem; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.filter { margin-left: auto; display: none; align-items: center; gap: .4rem; }
.js .filter { display: flex; }
select { font: inherit; font-size: .9rem; color: var(--ink); background: var(--card); max-width: 20rem;
  border: 1px solid var(--line); border-radius: .4rem; padding: .2rem .4rem; }
.case { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .7rem 1rem .8rem;
  margin: 0 0 .6rem; }
.meta { display: flex; flex-wrap: wrap; gap: .25rem .55rem; align-items: center; font-size: .88rem; }
.chip { border-radius: 1rem; padding: .05rem .6rem; font-weight: 600; overflow-wrap: anywhere; }
.gold { background: var(--good-wash); color: var(--good); }
.wrong { background: var(--bad-wash); color: var(--bad); }
.arrow, .name { color: var(--faint); }
.meter { width: 4.5rem; height: .5rem; border-radius: .3rem; background: var(--line); overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--accent); width: calc(var(--share) * 100%); }
.value { font-variant-numeric: tabular-nums; }
.ids { margin-left: auto; color: var(--faint); font-size: .82rem; text-align: right; overflow-wrap: anywhere; }
.text { margin: .45rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.75; max-width: 56rem; }
.text + .text { border-top: 1px dashed var(--line); padding-top: .35rem; }
.row { display: grid; grid-template-columns: 5.6rem 1fr; gap: .2rem .8rem; margin-top: .4rem; }
.row .name { font-size: .82rem; padding-top: .28rem; }
.row .text { margin: 0; border: 0; padding: 0; }
.token { background: rgb(var(--mark) / calc(var(--share) * var(--strength))); border-radius: .25em;
  padding: .1em .12em; }
.token.against { background: rgb(var(--against) / calc(var(--share) * var(--strength))); }
mark { color: inherit; border-radius: .25em; padding: .1em .25em; }
mark.gold { border-bottom: 2px solid var(--good); }
mark.wrong { border-bottom: 2px solid var(--bad); }
mark small { font-size: .68em; margin-left: .35em; font-weight: 600; letter-spacing: .02em; }
.long { max-height: 16rem; overflow-y: auto; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; margin: 0 0 .5rem; }
summary { cursor: pointer; padding: .55rem 1rem; display: grid; align-items: center; gap: .3rem .9rem;
  grid-template-columns: minmax(0, 22rem) 3.5rem 1fr; font-size: .92rem; }
summary b { text-align: right; font-variant-numeric: tabular-nums; }
summary > span:first-child::before { content: "▸"; color: var(--faint); display: inline-block; width: 1.1rem; }
details[open] > summary > span:first-child::before { content: "▾"; }
details .case { border-width: 1px 0 0; border-radius: 0; margin: 0; }
details[open] summary { border-bottom: 0; }
.bar { height: .7rem; border-radius: .2rem; background: var(--accent); opacity: .75; min-width: 2px;
  width: calc(var(--share) * 100%); }
.bars { display: flex; align-items: center; gap: .6rem; }
.bars span { color: var(--faint); font-size: .82rem; white-space: nowrap; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  padding: .3rem .9rem; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .4rem .9rem .4rem 0; text-align: right; border-bottom: 1px solid var(--line);
  font-weight: normal; }
thead th { color: var(--faint); font-size: .82rem; }
th.share { text-align: left; }
th:first-child { text-align: left; overflow-wrap: anywhere; }
tbody tr:last-child > * { border-bottom: 0; }
td.share { width: 34%; min-width: 8rem; }
.none { color: var(--faint); }
.legend { white-space: nowrap; }
.scale { display: inline-block; width: 7rem; height: .7rem; border-radius: .3rem; vertical-align: middle;
  background: linear-gradient(90deg, rgb(var(--against) / var(--strength)), transparent,
  rgb(var(--mark) / var(--strength))); border: 1px solid var(--line); margin: 0 .4rem; }
footer { font-size: .85rem; margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem;
  overflow-wrap: anywhere; }
[hidden] { display: none !important; }
@media (max-width: 40rem) { .ids { margin-left: 0; width: 100%; text-align: left; }
  summary { grid-template-columns: 1fr 3rem; } .row { grid-template-columns: 1fr; } }
@media print { body { background: #fff; } main { max-width: none; padding: 0; } nav { display: none; }
  .case, tr { break-inside: avoid; } .long { max-height: none; } }
"""
SCRIPT = """\
document.documentElement.classList.add("js");
const choice = document.querySelector("#pair");
if (choice) {
  const cases = [...document.querySelectorAll("[data-pair]")];
  const apply = () => {
    for (const item of cases) item.hidden = choice.value !== "" && item.dataset.pair !== choice.value;
    for (const list of document.querySelectorAll(".cases")) {
      const none = list.querySelector(".none");
      if (none) none.hidden = [...list.children].some((item) => item !== none && !item.hidden);
    }
  };
  choice.addEventListener("change", apply);
  apply();
}
"""
"""Shows the cases of one pair of classes; without it, all are shown and each pair has its own list."""


def script_hash() -> str:
    """Return the hash by which the page's policy allows its script, and no other."""
    digest = hashlib.sha256(SCRIPT.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
