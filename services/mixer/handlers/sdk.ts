// What the package offers to handlers of others (`import … from 'periplus/handler'`): the port's types and Google's codes.
// A name that is here stays, or the port gets another version. docs/handlers/module.md says how they are used.

export { type Clock, systemClock } from '../../../lib/clock.ts';
export type { AttributeValue } from '../../../mesh/policy/attributes.ts';
export type { TemplateName } from '../../../mesh/policy/templates.ts';
export {
  type CheckResult,
  type FieldValue,
  type Handler,
  type Instance,
  type QuotaRequest,
  type QuotaResult,
  type RpcStatus,
  rpcCodes,
} from './handler.ts';
