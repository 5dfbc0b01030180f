/** Ten shades of activation; text stays dark enough on all of them. */
export const LEVELS = 10;
const shades = Array.from(
  { length: LEVELS },
  (_, i) => `.level-${i + 1} { background:rgba(0,114,178,${(0.055 * (i + 1)).toFixed(3)}) }`,
).join('\n');

/** The report's only style sheet, inlined so that the page needs nothing from anywhere. */
export const style = `
:root { --ink:#1f2430; --soft:#5b6472; --line:#e1e5eb; --paper:#fff; --wash:#f6f7f9; --accent:#0072b2; --good:#0b7a53; --bad:#b3261e; --doubt:#8a5a00; }
* { box-sizing:border-box }
html { scroll-behavior:smooth }
body { margin:0; color:var(--ink); background:var(--paper); font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif; }
.page { display:grid; grid-template-columns:220px minmax(0,1fr); max-width:1220px; margin:0 auto; }
nav { position:sticky; top:0; align-self:start; height:100vh; overflow:auto; padding:40px 16px 24px 24px; border-right:1px solid var(--line); font-size:14px; }
nav .mark { font-weight:700; letter-spacing:.02em; display:flex; gap:9px; align-items:center; margin-bottom:22px }
nav .mark::before { content:''; width:2px; height:24px; background:linear-gradient(var(--ink) 70%, var(--accent) 70%); }
nav ol { list-style:none; margin:0; padding:0 }
nav a { display:block; padding:5px 0; color:var(--soft); text-decoration:none }
nav a:hover, nav a:focus { color:var(--accent) }
main { padding:40px 44px 90px; min-width:0 }
h1 { font-size:30px; line-height:1.2; margin:0 0 6px; letter-spacing:-.01em }
h2 { font-size:22px; margin:58px 0 4px; padding-top:18px; border-top:1px solid var(--line); letter-spacing:-.005em }
h3 { font-size:16px; margin:30px 0 6px }
p { margin:8px 0 } .lead { color:var(--soft); margin:0 0 14px; max-width:74ch }
a { color:var(--accent) } a.traced { color:inherit; text-decoration:underline dotted 1px; text-decoration-color:#8f97a3; text-underline-offset:3px } a.traced:hover, a.traced:focus-visible { color:var(--accent); text-decoration-color:currentColor }
:focus-visible { outline:2px solid var(--accent); outline-offset:2px } :target { background:#fff6dd; scroll-margin-top:12px }
.meta { color:var(--soft); font-size:14px }
code { font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; background:var(--wash); padding:1px 5px; border-radius:4px; overflow-wrap:anywhere }
pre { background:var(--wash); border:1px solid var(--line); border-radius:8px; padding:14px 16px; overflow:auto; white-space:pre-wrap; overflow-wrap:anywhere; font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace }
dl.summary { margin:20px 0 26px; border-top:3px solid var(--ink) } dl.summary div { display:grid; grid-template-columns:96px minmax(0,1fr); gap:4px 18px; padding:9px 0; border-bottom:1px solid var(--line) } dl.summary dt { font-weight:650 } dl.summary .claim { display:block } dl.summary dd { margin:0; max-width:84ch; font-variant-numeric:tabular-nums }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,176px),1fr)); gap:12px; margin:22px 0 }
.tile { border:1px solid var(--line); border-radius:10px; padding:14px 16px }
.tile .label { color:var(--soft); font-size:13px } .tile .value { font-size:25px; font-weight:650; letter-spacing:-.01em; font-variant-numeric:tabular-nums }
.tile .detail { color:var(--soft); font-size:13px; font-variant-numeric:tabular-nums }
.verdicts { list-style:none; padding:0; margin:18px 0; border:1px solid var(--line); border-radius:10px; overflow:hidden }
.verdicts li { display:grid; grid-template-columns:132px minmax(0,1fr); gap:14px; padding:12px 16px; border-top:1px solid var(--line) } .verdicts li:first-child { border-top:0 }
.chip { justify-self:start; align-self:start; font-size:13px; font-weight:600; padding:2px 10px; border-radius:999px; border:1px solid currentColor; white-space:nowrap }
.chip.holds { color:var(--good) } .chip.fails { color:var(--bad) } .chip.unknown { color:var(--doubt) }
figure { margin:20px 0 26px; } .drawing { overflow-x:auto } figure svg { max-width:100%; height:auto; display:block }
figcaption { color:var(--soft); font-size:14px; max-width:82ch; margin-top:8px }
.scroll { overflow-x:auto; border:1px solid var(--line); border-radius:10px; margin:12px 0 6px }
table { border-collapse:collapse; width:100%; font-size:14px; font-variant-numeric:tabular-nums }
th { text-align:left; font-weight:600; background:var(--wash); position:sticky; top:0 }
th,td { padding:7px 12px; border-bottom:1px solid var(--line); vertical-align:top } tbody tr:last-child td { border-bottom:0 }
td.number,th.number { text-align:right; white-space:nowrap } .interval { color:var(--soft); font-size:13px; white-space:nowrap }
.note { border-left:3px solid var(--accent); background:var(--wash); padding:10px 14px; border-radius:0 8px 8px 0; margin:14px 0; max-width:88ch }
.note.caution { border-color:var(--doubt) } .note.failure { border-color:var(--bad) }
.source { color:var(--soft); font-size:13px; margin:6px 0 0; overflow-wrap:anywhere } .saves { color:var(--soft); font-size:13px; margin:6px 0 14px } [hidden] { display:none !important }
.saves button { font:inherit; font-weight:600; color:var(--accent); background:none; border:1px solid var(--line); border-radius:6px; padding:3px 10px; margin:0 2px; cursor:pointer } .saves button:hover { background:var(--wash) }
td .excerpt { min-width:300px } details.closed > summary { font-weight:500 } td { overflow-wrap:break-word }
mark { color:inherit; background:none; border-radius:3px; padding:1px 0 } .excerpt { font-size:14px; line-height:1.6; margin:4px 0; overflow-wrap:anywhere; white-space:pre-wrap }
details.feature { border:1px solid var(--line); border-radius:10px; margin:8px 0; padding:10px 16px } details.feature > summary { color:var(--ink); font-size:15px } details.feature[open] > summary { margin-bottom:8px }
details.feature h4 { font-size:14px; margin:16px 0 4px } .raised { color:var(--good) } .lowered { color:var(--bad) } .effects { display:grid; grid-template-columns:repeat(auto-fit,minmax(220px,1fr)); gap:0 28px } .effects ol { list-style:none; margin:4px 0; padding:0 } .effects li { display:flex; justify-content:space-between; gap:12px; font-size:14px; border-bottom:1px solid var(--line); padding:2px 0; font-variant-numeric:tabular-nums }
${shades}
details { margin:10px 0 } summary { cursor:pointer; color:var(--accent); font-size:14px }
dl.definitions { display:grid; grid-template-columns:max-content 1fr; gap:4px 16px; font-size:14px; color:var(--soft) } dl.definitions dt { color:var(--ink) } dl.definitions dd { margin:0 }
@media screen and (max-width:860px) { .page { grid-template-columns:minmax(0,1fr) } nav { position:static; height:auto; border-right:0; border-bottom:1px solid var(--line); padding:16px 20px } nav .mark { margin-bottom:8px } nav ol { display:flex; flex-wrap:wrap; gap:0 16px } nav a { padding:8px 0 } main { padding:24px 20px 60px } h1 { font-size:26px } .verdicts li, dl.summary div { grid-template-columns:minmax(0,1fr) } dl.definitions { grid-template-columns:minmax(0,1fr) } figure svg { max-width:none } th { position:static } }
@media print { body { font-size:11pt } nav, .saves { display:none } .page { display:block; max-width:none } main { padding:0 } .scroll, .drawing { overflow:visible; border:0 } th { position:static } thead { display:table-header-group } tr, figure, .tile, .verdicts li, .note, dl.summary div, details.feature { break-inside:avoid } h2, h3 { break-after:avoid } table { font-size:9pt } th, td { padding:3px 6px; overflow-wrap:anywhere } td.number, th.number, .interval { white-space:normal } td .excerpt { min-width:0 } a { color:inherit; text-decoration:none } details.defines::details-content { content-visibility:visible; display:block } mark { print-color-adjust:exact; -webkit-print-color-adjust:exact } }
`;
