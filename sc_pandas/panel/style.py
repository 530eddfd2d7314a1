"""The panel's style sheet; colours come from JupyterLab's theme where there is one."""

from typing import Final

CSS: Final = """
.sc-panel { --sc-line: var(--jp-border-color2, #d0d0d0); --sc-soft: var(--jp-layout-color2, #f3f3f3);
  --sc-text: var(--jp-content-font-color1, #222); --sc-dim: var(--jp-content-font-color2, #595959);
  --sc-accent: var(--jp-brand-color1, #1565c0); --sc-bad: #c62828; --sc-warn: #b26a00;
  max-width: 1240px; display: flex; flex-direction: column; color: var(--sc-text); overflow: visible;
  box-sizing: border-box; container-type: inline-size; }
.sc-panel * { box-sizing: border-box; }
.sc-panel .widget-html, .sc-panel .widget-html-content { overflow: visible; height: auto; line-height: 1.4; }
.sc-panel .widget-html { margin: 0; }
.sc-panel :is(.sc-preview, .sc-facets, .sc-counts) { display: block; max-width: 100%; min-width: 0; overflow: hidden; }
.sc-panel .sc-title { margin: 0 0 6px; font-size: 1.15em; font-weight: 600; overflow-wrap: anywhere; }
.sc-panel .sc-heading { margin: 0 0 2px; font-size: 0.8em; font-weight: 600; text-transform: uppercase;
  letter-spacing: 0.06em; color: var(--sc-dim); line-height: 1.6; }

.sc-panel .sc-groups { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 245px), 1fr));
  gap: 8px; overflow: visible; }
.sc-panel :is(.sc-column, .sc-one, .sc-beside) { display: flex; flex-direction: column; overflow: visible;
  min-width: 0; }
.sc-panel .sc-column { gap: 8px; }
.sc-panel .sc-group { flex: 1 1 auto; min-width: 0; padding: 4px 5px 6px 6px; border: 1px solid var(--sc-line);
  border-radius: 4px; overflow: visible; }
.sc-panel .sc-group .widget-label { text-align: left; color: var(--sc-text); }
.sc-panel .sc-group .widget-select-multiple select { overflow-y: auto; }
.sc-panel .sc-wrong { display: block; padding: 0 2px 4px; color: var(--jp-error-color0, #b71c1c); font-size: 0.9em;
  line-height: 1.3; white-space: normal; overflow-wrap: anywhere; }

.sc-panel .sc-more-columns { display: grid; gap: 4px 12px; overflow: visible; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
.sc-panel .sc-cost-said { padding: 2px; white-space: normal; overflow-wrap: anywhere; }

.sc-panel .sc-row, .sc-panel .sc-active { display: flex; flex-flow: row wrap; gap: 2px 6px; align-items: center;
  overflow: visible; }
.sc-panel .sc-active { min-height: 34px; margin-top: 4px; color: var(--sc-dim); }
.sc-panel .sc-active .widget-html-content { line-height: 28px; }
.sc-panel .sc-chip, .sc-panel .sc-reset { height: 24px; line-height: 22px; border: 1px solid var(--sc-line);
  border-radius: 12px; padding: 0 10px; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.sc-panel .sc-reset { background: transparent; }
.sc-panel .widget-checkbox { width: auto; }
.sc-panel .widget-checkbox .widget-label-basic { line-height: 28px; display: flex; align-items: center; gap: 4px; }
.sc-panel .widget-checkbox input[type=checkbox] { margin: 0 4px 0 0; height: 14px; align-self: center; }
.sc-panel .sc-live { margin-right: 8px; }
.sc-panel :is(button, input, select, textarea, .sc-scroll):focus-visible { outline: 2px solid var(--sc-accent);
  outline-offset: 1px; }
.sc-panel:focus { outline: none; }
.sc-panel .sc-keys { color: var(--sc-dim); animation: sc-late 5s step-end backwards; }
.sc-panel .sc-keys:has(.sc-held) { display: none; }
@keyframes sc-late { from { visibility: hidden; } }

.sc-panel .sc-said, .sc-panel .sc-failed, .sc-panel .sc-warned { min-height: 36px; margin: 4px 0 2px; padding: 7px 12px;
  border-left: 5px solid var(--sc-accent); border-radius: 3px; background: var(--sc-soft); font-size: 1.08em;
  line-height: 1.4; white-space: normal; overflow-wrap: anywhere; }
.sc-panel .sc-failed { border: 1px solid var(--sc-bad); border-left-width: 5px; }
.sc-panel .sc-warned { border: 1px solid var(--sc-warn); border-left-width: 5px; }
.sc-panel .sc-sign { font-weight: 700; margin-right: 0.4em; }
.sc-panel .sc-bar { display: block; width: 100%; height: 6px; margin: 4px 0 0; accent-color: var(--sc-accent); }

.sc-panel .sc-results { display: grid; grid-template-columns: minmax(0, 1fr) 300px; gap: 8px 16px; overflow: visible;
  align-items: start; }
.sc-panel :is(.sc-more-columns, .sc-results) > * { min-width: 0; overflow: visible; }
@container (max-width: 760px) { .sc-panel .sc-results { grid-template-columns: minmax(0, 1fr); } }
.sc-panel .sc-beside .sc-row { gap: 2px 4px; }
.sc-panel .sc-part { display: block; width: 100%; height: 4px; accent-color: var(--sc-accent); }
.sc-panel :is(.sc-include, .sc-code) .widget-label { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.sc-panel .sc-place { color: var(--sc-dim); margin: 0 2px 4px; min-height: 1.4em; }
.sc-panel .sc-place b { color: var(--sc-text); }
.sc-panel .sc-scroll { overflow: auto; max-height: 420px; border: 1px solid var(--sc-line); border-radius: 3px; }
.sc-panel .sc-counts .sc-scroll { max-height: 260px; }
.sc-panel .sc-beside .sc-table { width: 100%; }
.sc-panel .sc-none { margin: 0; padding: 24px; text-align: center; color: var(--sc-dim);
  border: 1px dashed var(--sc-line); border-radius: 3px; }
.sc-panel .sc-table { border-collapse: separate; border-spacing: 0; margin: 0; font-size: 0.92em; line-height: 1.5;
  white-space: nowrap; color: var(--sc-text); }
.sc-panel .sc-table th { position: sticky; top: 0; z-index: 1; background: var(--sc-soft); text-align: left;
  font-weight: 600; }
.sc-panel .sc-table th, .sc-panel .sc-table td { padding: 2px 10px; border-bottom: 1px solid var(--sc-line);
  max-width: 24em; overflow: hidden; text-overflow: ellipsis; vertical-align: top; }
.sc-panel .sc-table tbody tr:last-child td { border-bottom: 0; }
.sc-panel .sc-table tbody tr:hover td { background: var(--sc-soft); }
.sc-panel .sc-table td.sc-number { text-align: right; font-variant-numeric: tabular-nums; }
.sc-panel .sc-missing { color: var(--sc-dim); }
.sc-panel .sc-is-old .sc-scroll { border-style: dashed; }
.sc-panel .sc-is-old td { color: var(--sc-dim); }

.sc-panel .sc-out { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 8px;
  margin-top: 8px; overflow: visible; }
.sc-panel .sc-code { margin: 0 0 4px; }
.sc-panel .sc-code textarea { font-family: var(--jp-code-font-family, monospace); font-size: 0.92em; line-height: 1.4;
  padding: 6px 8px; resize: vertical; }
"""
