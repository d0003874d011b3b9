/** When a file was changed, as MCP tells it. */

const first = Date.parse('0000-01-01T00:00:00Z')
const last = Date.parse('9999-12-31T23:59:59.999Z')

/** Nothing for a year that has not four digits: file systems keep such times, and clients refuse them. */
export function lastModified(modifiedMs: number): { readonly lastModified?: string } {
  if (!(modifiedMs >= first && modifiedMs <= last)) return {}
  return { lastModified: new Date(modifiedMs).toISOString() }
}
