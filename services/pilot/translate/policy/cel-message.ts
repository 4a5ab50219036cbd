// CEL conditions as the message that Envoy takes (google.api.expr.v1alpha1.Expr).
import { create } from '@bufbuild/protobuf';
import {
  type Constant,
  ConstantSchema,
  type Expr,
  ExprSchema,
} from '../../../../gen/google/api/expr/v1alpha1/syntax_pb.js';
import type { Cel } from '../../../../mesh/policy/lowering/cel.ts';

/** The message; ids count from 1 in the order of the text. */
export function celMessage(cel: Cel): Expr {
  let next = 0;
  const convert = (node: Cel): Expr => {
    const id = BigInt(++next);
    switch (node.kind) {
      case 'const':
        return create(ExprSchema, { id, exprKind: { case: 'constExpr', value: constant(node.value) } });
      case 'ident':
        return create(ExprSchema, { id, exprKind: { case: 'identExpr', value: { name: node.name } } });
      case 'select': {
        const value = { operand: convert(node.operand), field: node.field, testOnly: node.test };
        return create(ExprSchema, { id, exprKind: { case: 'selectExpr', value } });
      }
      case 'call': {
        const target = node.target && convert(node.target);
        const value = { function: node.name, args: node.args.map(convert), ...(target && { target }) };
        return create(ExprSchema, { id, exprKind: { case: 'callExpr', value } });
      }
      case 'list':
        return create(ExprSchema, { id, exprKind: { case: 'listExpr', value: { elements: node.items.map(convert) } } });
      default:
        return node satisfies never;
    }
  };
  return convert(cel);
}

function constant(value: string | number | boolean): Constant {
  if (typeof value === 'string') return create(ConstantSchema, { constantKind: { case: 'stringValue', value } });
  if (typeof value === 'boolean') return create(ConstantSchema, { constantKind: { case: 'boolValue', value } });
  return create(ConstantSchema, { constantKind: { case: 'int64Value', value: BigInt(value) } });
}
