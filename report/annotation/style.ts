/** The kit's only style sheet. Activation is shown by ten shades; text stays dark on all of them. */
export const style = `
:root { --ink:#1f2430; --soft:#5b6472; --line:#d5dae2; --wash:#f6f7f9; --accent:#0072b2 }
* { box-sizing:border-box } [hidden] { display:none !important }
body { margin:0 auto; padding:24px 20px 60px; max-width:860px; color:var(--ink); background:#fff; font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif }
h1 { font-size:24px; margin:0 0 6px } h2 { font-size:18px; margin:22px 0 8px } h3 { font-size:16px; margin:20px 0 8px }
p, dd { max-width:74ch } .lead, dt, label { color:var(--soft) }
.excerpt { border:1px solid var(--line); border-radius:8px; padding:8px 12px; margin:6px 0; overflow-wrap:anywhere; max-width:none }
mark { color:inherit; border-radius:3px; padding:1px 2px }
${Array.from({ length: 10 }, (_, i) => `.level-${i + 1} { background:rgba(0,114,178,${(0.055 * (i + 1)).toFixed(3)}) }`).join('\n')}
button { font:inherit; color:inherit; background:#fff; border:1px solid var(--line); border-radius:8px; padding:9px 14px; cursor:pointer }
button:disabled { color:var(--soft); cursor:default } button:focus-visible, input:focus-visible { outline:3px solid var(--accent); outline-offset:1px }
.choice { display:flex; gap:12px; width:100%; text-align:left; margin:6px 0 } .choice:hover { background:var(--wash) }
.choice[aria-pressed=true] { border-color:var(--accent); box-shadow:inset 0 0 0 1px var(--accent); font-weight:600 }
kbd { font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; border:1px solid var(--line); border-radius:4px; background:var(--wash); padding:0 7px; align-self:flex-start }
input { font:inherit; padding:8px 10px; border:1px solid var(--line); border-radius:8px; width:min(320px,100%) }
.row { display:flex; flex-wrap:wrap; gap:10px; align-items:center; margin:14px 0 } progress { flex:1 1 160px; accent-color:var(--accent) }
.note { border-left:3px solid var(--accent); background:var(--wash); padding:10px 14px; border-radius:0 8px 8px 0 }
`;
