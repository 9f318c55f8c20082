/**
 * How the status element looks. Colours follow the device, or the page's `color-scheme` where it sets that on
 * the element; each can be set by a custom property, and each piece styled by its `::part`.
 */
export const style = `
:host {
  color-scheme: light dark;
  position: fixed;
  inset-block-end: max(1rem, env(safe-area-inset-bottom));
  inset-inline: 1rem;
  z-index: var(--holdfast-z-index, 2147483000);
  display: flex;
  justify-content: center;
  pointer-events: none;
  font: var(--holdfast-font, 0.9375rem/1.4 system-ui, sans-serif);
}
:host([hidden]) { display: none; }
[part~=box] {
  display: flex;
  align-items: center;
  flex-wrap: wrap;
  gap: 0.5rem 0.75rem;
  box-sizing: border-box;
  max-inline-size: 36rem;
  padding: 0.625rem 0.875rem;
  color: var(--holdfast-color, light-dark(#1c2128, #e8eaed));
  background: var(--holdfast-background, light-dark(#fff, #23272e));
  border: 1px solid var(--holdfast-border, light-dark(#c9ced6, #4a515c));
  border-radius: var(--holdfast-radius, 0.625rem);
  box-shadow: var(--holdfast-shadow, 0 4px 16px rgb(0 0 0 / 0.18));
  pointer-events: auto;
  transition: opacity 0.2s;
}
/* Not display: none, in which a live region would go unheard when its text changes with its showing. */
[data-view=nothing] { opacity: 0; padding: 0; border: 0; box-shadow: none; block-size: 1px; inline-size: 1px; overflow: hidden; }
[data-view=quiet], [data-view=back] { padding: 0.375rem 0.75rem; }
[part~=dot] { flex: none; inline-size: 0.625rem; block-size: 0.625rem; border-radius: 50%; background: var(--mark); }
[data-view] { --mark: var(--holdfast-warning, light-dark(#b25e00, #ffb454)); }
[data-view=back] { --mark: var(--holdfast-success, light-dark(#1a7f37, #57d18a)); }
[data-view=quiet] [part~=dot] { animation: breathe 1.6s ease-in-out infinite; }
@keyframes breathe { 50% { opacity: 0.3; } }
[part~=texts] { flex: 1 1 12rem; min-inline-size: 0; overflow-wrap: anywhere; }
[data-view=quiet] [part~=texts], [data-view=back] [part~=texts] { flex-basis: auto; }
p { margin: 0; }
[part~=details] { color: var(--holdfast-muted, color-mix(in srgb, currentColor 75%, transparent)); font-size: 0.9em; font-variant-numeric: tabular-nums; }
[part~=details]:empty { display: none; }
button {
  flex: none;
  font: inherit;
  font-weight: 600;
  padding: 0.375rem 0.75rem;
  min-block-size: 2.25rem;
  color: var(--holdfast-accent, light-dark(#0a56c2, #8ab8ff));
  background: transparent;
  border: 1px solid currentColor;
  border-radius: calc(var(--holdfast-radius, 0.625rem) * 0.6);
  cursor: pointer;
}
button:hover { background: light-dark(#0000000d, #ffffff14); }
button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
button[hidden] { display: none; }
[part~=dismiss] { border-color: transparent; }
/* Safari before 17.5, Firefox before 120, Chrome before 123: the system's colours, instead of none at all. */
@supports not (color: light-dark(red, red)) {
  [part~=box]:not([data-view=nothing]) {
    color: var(--holdfast-color, CanvasText);
    background: var(--holdfast-background, Canvas);
    border: 1px solid var(--holdfast-border, GrayText);
    --mark: currentColor;
  }
}
@media (prefers-reduced-motion: reduce) {
  [part~=box] { transition: none; }
  [part~=dot] { animation: none !important; }
}
`;
