// What a client says that it is, such as `envoy/1.40.0`.
import type { Node } from '../../../gen/envoy/config/core/v3/base_pb.js';

/** Name and version from Envoy's node (envoy.config.core.v3.Node), the version as text or in numbers. */
export function userAgentOf(node: Node): string {
  const { userAgentName, userAgentVersionType: version } = node;
  if (version.case === 'userAgentVersion') return `${userAgentName}/${version.value}`;
  const semantic = version.case === 'userAgentBuildVersion' ? version.value.version : undefined;
  return semantic
    ? `${userAgentName}/${semantic.majorNumber}.${semantic.minorNumber}.${semantic.patch}`
    : userAgentName;
}
