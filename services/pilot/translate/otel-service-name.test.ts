// OpenTelemetry's name of a service, from what a node says.
import { expect, it } from 'vitest';
import { otelServiceName } from './otel-service-name.ts';

const labels = { 'app.kubernetes.io/instance': 'instance', 'app.kubernetes.io/name': 'name' };
const annotations = { 'resource.opentelemetry.io/service.name': 'annotated' };

it.each([
  ['annotated', 'pod', { ANNOTATIONS: annotations, LABELS: labels }],
  ['instance', 'pod', { LABELS: labels, WORKLOAD_NAME: 'workload' }],
  ['name', 'pod', { LABELS: { 'app.kubernetes.io/name': 'name' } }],
  ['workload', 'pod', { LABELS: { app: 'a' }, WORKLOAD_NAME: 'workload' }],
  ['pod', 'pod', { APP_CONTAINERS: 'main' }],
  ['main', '', { APP_CONTAINERS: 'main' }],
  ['unknown_service', '', { APP_CONTAINERS: 'main,other', ANNOTATIONS: 'odd' }],
])('%s', (name, pod, metadata) => expect(otelServiceName(pod, metadata)).toBe(name));
