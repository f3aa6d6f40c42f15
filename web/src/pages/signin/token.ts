/** The token in what people paste: as often the whole address as only the token. */
export function tokenIn(text: string): string {
  const match = /[?#&]token=([^&#\s]+)/.exec(text);
  return match?.[1] === undefined ? text.trim() : decodeURIComponent(match[1]);
}
