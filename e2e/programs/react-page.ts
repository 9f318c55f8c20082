// The panel, taken over from the server's markup or rendered anew, in StrictMode.
import { connect } from 'holdfast/client';
import 'holdfast/element';
import { createElement as h, StrictMode, useState, type ReactNode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { Panel, type PanelContract } from './react-panel.ts';

const endpoint = new URLSearchParams(location.search).get('endpoint')!;
const client = connect<PanelContract>(endpoint, { backoff: { baseMs: 100, capMs: 500 } });
const errors: string[] = [];
let show: (isShown: boolean) => void = () => {};

function Switch(): ReactNode {
  const [isShown, setShown] = useState(true);
  show = setShown;
  return isShown ? h(Panel, { client }) : null;
}

const root = document.querySelector('#root')!;
const onError = (error: unknown): void => void errors.push(String(error));
const handlers = { onRecoverableError: onError, onUncaughtError: onError, onCaughtError: onError };
if (root.hasChildNodes()) hydrateRoot(root, h(StrictMode, null, h(Switch)), handlers);
else createRoot(root, handlers).render(h(StrictMode, null, h(Switch)));

const panel = { client, errors, show: (isShown: boolean) => show(isShown) };
declare global {
  interface Window {
    panel: typeof panel;
  }
}
window.panel = panel;
