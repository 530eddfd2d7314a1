"""The panel's style sheet; colours come from JupyterLab's theme where there is one."""

from typing import Final

CSS: Final = """
.sc-panel { --sc-line: var(--jp-border-color2, #ccc); --sc-soft: var(--jp-layout-color2, #f5f5f5);
  --sc-text: var(--jp-content-font-color1, #222); --sc-dim: var(--jp-content-font-color2, #666);
  max-width: 1200px; color: var(--sc-text); overflow: visible; }
.sc-panel .sc-title { margin: 0 0 4px; font-size: 1.15em; }
.sc-panel .sc-heading { margin: 0; font-size: 0.85em; text-transform: uppercase; letter-spacing: 0.05em;
  color: var(--sc-dim); line-height: 1.6; }
.sc-groups { display: flex; flex-flow: row wrap; gap: 6px 16px; overflow: visible; }
.sc-group { flex: 1 1 260px; min-width: 0; padding: 4px 8px 8px; border: 1px solid var(--sc-line); border-radius: 4px;
  overflow: visible; }
.sc-row, .sc-active { display: flex; flex-flow: row wrap; gap: 4px 8px; align-items: center; overflow: visible; }
.sc-results { display: flex; flex-flow: row wrap; gap: 8px 16px; align-items: flex-start; overflow: visible; }
.sc-results > :first-child { flex: 1 1 420px; min-width: 0; }
.sc-beside { flex: 0 1 370px; min-width: 0; }
.sc-facets img, img.sc-facets { max-width: 100%; height: auto; object-fit: contain; }
.sc-said, .sc-failed { padding: 4px 8px; border-left: 4px solid var(--sc-line); background: var(--sc-soft);
  line-height: 1.4; white-space: normal; }
.sc-failed { border-left-color: #c62828; }
.sc-wrong { color: var(--jp-error-color1, #b71c1c); font-size: 0.9em; line-height: 1.3; white-space: normal; }
.sc-bar { width: 100%; }
.sc-scroll { overflow: auto; max-height: 420px; border: 1px solid var(--sc-line); }
.sc-table { border-collapse: collapse; font-size: 0.85em; white-space: nowrap; }
.sc-table th { position: sticky; top: 0; background: var(--sc-soft); text-align: left; }
.sc-table th, .sc-table td { padding: 2px 8px; border-bottom: 1px solid var(--sc-line); max-width: 24em;
  overflow: hidden; text-overflow: ellipsis; }
.sc-table td.sc-number { text-align: right; font-variant-numeric: tabular-nums; }
.sc-missing { color: var(--sc-dim); }
.sc-old td { color: var(--sc-dim); font-style: italic; }
.sc-code textarea { font-family: var(--jp-code-font-family, monospace); font-size: 0.85em; }
"""
