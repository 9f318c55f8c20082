/** The one element with this `data-testid`: the page's own code finds its parts by the names that tests use. */
export function part<T extends HTMLElement = HTMLElement>(testId: string): T {
  const found = document.querySelector<T>(`[data-testid="${testId}"]`);
  if (!found) throw new Error(`page.html has no element with data-testid="${testId}".`);
  return found;
}

/** Sets a text, only when it is another one, so that screen readers hear changes and nothing else. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
