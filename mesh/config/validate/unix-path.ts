// Unix sockets, as Istio writes them: unix:///path/of/socket, or unix://@name for an abstract one.
import type { Place } from './place.ts';

/** Reports a `unix://` address whose path is not absolute or is a folder's. */
export function checkUnixPath(address: string, place: Place): void {
  const path = address.slice('unix://'.length);
  if (path.startsWith('@')) return;
  if (!path.startsWith('/') || path.endsWith('/'))
    place.error(`expected unix:// and an absolute path, found ${JSON.stringify(address)}`);
}
