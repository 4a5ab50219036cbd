// Messages that several networking resources share (istio.io/latest/docs/reference/config/networking/virtual-service#Destination).
import { anything, flag, list, map, object, openObject, required, type Static, text, uint32 } from './schema.ts';

const portSelectorSchema = object({ number: uint32 });
/** Schema of `Destination`. */
export const destinationSchema = object({ host: required(text), subset: text, port: portSelectorSchema });
/** Schema of `PortSelector`. */
export { portSelectorSchema };
/** Selects workloads by labels; networking API: `labels`. */
export const workloadSelectorSchema = object({ labels: map(text) });
/** Selects workloads by labels; type.v1beta1 API (security, telemetry, ProxyConfig, DestinationRule): `matchLabels`. */
export const matchLabelsSelectorSchema = object({ matchLabels: map(text) });
/** Schema of `PolicyTargetReference`. */
export const targetRefSchema = object({ group: text, kind: required(text), name: required(text), namespace: text });

/** A service (and subset of it) that traffic is sent to. */
export interface Destination extends Static<typeof destinationSchema> {}
/** A port by its number. */
export interface PortSelector extends Static<typeof portSelectorSchema> {}
/** `labels` of the workloads meant. */
export interface WorkloadSelector extends Static<typeof workloadSelectorSchema> {}
/** `matchLabels` of the workloads meant (istio.io/latest/docs/reference/config/type/workload-selector). */
export interface MatchLabelsSelector extends Static<typeof matchLabelsSelectorSchema> {}
/** A Gateway, Service or other object that a policy is attached to. */
export interface PolicyTargetReference extends Static<typeof targetRefSchema> {}

/** Kubernetes object metadata: the fields that Periplus reads, and the others that exist. */
export const metadataSchema = object({
  name: text,
  namespace: text,
  labels: map(text),
  annotations: map(text),
  creationTimestamp: text,
  uid: text,
  resourceVersion: text,
  deletionTimestamp: text,
  generateName: text,
  ownerReferences: list(openObject({ kind: text, name: text, controller: flag })),
  clusterName: anything,
  deletionGracePeriodSeconds: anything,
  finalizers: anything,
  generation: anything,
  managedFields: anything,
  selfLink: anything,
});
/** Metadata of any object. */
export interface ObjectMetadata extends Static<typeof metadataSchema> {}
