// Changes what is inside a connection manager, which a listener holds packed.
import { fromBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { type Journal, newJournal } from './journal.ts';

/** The name by which patches find it. */
export const connectionManagerName = 'envoy.filters.network.http_connection_manager';

/** Unpacks it, where `filter` is one, and packs it again where `change` notes that it changed something. */
export function changeConnectionManager(
  filter: Filter,
  journal: Journal,
  change: (manager: HttpConnectionManager, inside: Journal) => void,
): void {
  if (filter.configType.case !== 'typedConfig') return;
  if (!filter.configType.value.typeUrl.endsWith(`/${HttpConnectionManagerSchema.typeName}`)) return;
  const manager = fromBinary(HttpConnectionManagerSchema, filter.configType.value.value);
  const inside = newJournal();
  change(manager, inside);
  journal.problems.push(...inside.problems);
  if (!inside.changed) return;
  filter.configType = { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) };
  journal.changed = true;
}
