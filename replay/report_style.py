"""The style sheet of a report: one column of cards, light or dark as the reader's system is, fit for paper."""

from __future__ import annotations

STYLE = """
:root{--ink:#1b2430;--soft:#5c6877;--line:#e3e7ec;--page:#f4f6f8;--card:#fff;--ok:#18794e;--okbg:#e3f5ec;--bad:#c62a2f;
--badbg:#fdebec;--warn:#ad6200;--c0:#2563c9;--c1:#d9480f;--c2:#0c8577;--c3:#8e4ec6;--c4:#b5882b;--c5:#64748b;--burst:#f5a524}
@media(prefers-color-scheme:dark){:root{--ink:#e7ebf0;--soft:#97a3b2;--line:#2b3440;--page:#11161c;--card:#191f27;
--ok:#4cc38a;--okbg:#113123;--bad:#ff8589;--badbg:#3a1a1d;--warn:#f1a10d;--c0:#6ea8ff;--c1:#ff8f5a;--c2:#3ecfbd;
--c3:#c59bf0;--c4:#e0b95a;--c5:#9aa8b8}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:22px;margin:0;letter-spacing:-.01em}
h2{font-size:15px;margin:0 0 12px}
h3{font-size:13px;margin:0 0 6px;font-weight:600}
p{margin:0 0 10px;color:var(--soft);max-width:120ch}
header{display:flex;align-items:center;gap:16px;flex-wrap:wrap;margin-bottom:20px}
header div{flex:1 1 420px}
header p{margin:2px 0 0}
.badge{font-weight:650;padding:7px 16px;border-radius:999px;font-size:15px;white-space:nowrap}
.pass{color:var(--ok);background:var(--okbg)}
.fail{color:var(--bad);background:var(--badbg)}
.none{color:var(--soft);background:var(--line)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin:0 0 16px}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:14px 24px}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:18px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{font-weight:600;color:var(--soft);font-size:12px;text-align:right;padding:4px 10px;
border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:bottom}
td{padding:5px 8px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child,.words{text-align:left;padding-left:0}
td.words{white-space:normal;min-width:110px;font-size:12.5px;color:var(--soft);padding-left:10px}
th.words{padding-left:10px}
td.over{color:var(--bad);font-weight:650}
td.within{color:var(--ok)}
td.dim{color:var(--soft)}
tr.total td{font-weight:650}tr.total td.words{font-weight:400}
.slower{color:var(--bad)}.faster{color:var(--ok)}
svg{display:block;width:100%;height:auto}
.tick{font-size:11px;fill:var(--soft)}
.label{font-size:12px;fill:var(--ink)}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}
.dash{stroke-dasharray:4 3;stroke-width:1.3}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}
.dot{fill:var(--card);stroke-width:1.8}
.area{fill:var(--c0);opacity:.28}
.burst{fill:var(--burst);opacity:.16}
.spike{fill:var(--bad)}
.bound{stroke:var(--bad);stroke-width:2.4;fill:none}
.key{display:inline-flex;align-items:center;gap:6px;margin-right:16px;color:var(--soft);font-size:12.5px}
.key i{width:18px;height:0;border-top:2.5px solid}
.key i.c0{border-color:var(--c0)}.key i.c1{border-color:var(--c1)}.key i.c2{border-color:var(--c2)}
.key i.c3{border-color:var(--c3)}.key i.c4{border-color:var(--c4)}.key i.c5{border-color:var(--c5)}
.key i.dash{border-top-style:dashed}
.key i.box{height:11px;border:0;background:var(--burst);opacity:.4}
.key i.mark{width:9px;height:8px;border:0;background:var(--bad);clip-path:polygon(0 0,100% 0,50% 100%)}
.heat0{fill:var(--line);opacity:.55}
.heat1{fill:#fde2b8}.heat2{fill:#fbbf6e}.heat3{fill:#f59332}.heat4{fill:#e0611a}.heat5{fill:#bf3415}.heat6{fill:#8a1414}
.keys{margin:0 0 8px}
footer{color:var(--soft);font-size:12px;margin-top:24px}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
