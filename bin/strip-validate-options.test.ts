import { describe, expect, it } from 'vitest';
import { stripValidateOptions } from './strip-validate-options.ts';

describe('stripValidateOptions', () => {
  it('drops validate options and keeps the others in the same list', () => {
    const proto = 'string a = 1 [deprecated = true, (validate.rules).string = {min_len: 1, in: ["x", "]"]}];';
    expect(stripValidateOptions(proto)).toBe('string a = 1 [deprecated = true];');
  });

  it('drops a list that held nothing else, over several lines', () => {
    expect(stripValidateOptions('  uint32 a = 1\n      [(validate.rules).uint32 = {lte: 10}];')).toBe(
      '  uint32 a = 1\n      ;',
    );
  });

  it('drops the import and statements, and leaves comments with brackets alone', () => {
    const proto =
      'import "validate/validate.proto";\n  // see [here](validate.x)\n  option (validate.required) = true;\n';
    expect(stripValidateOptions(proto)).toBe('\n  // see [here](validate.x)\n\n');
  });
});
