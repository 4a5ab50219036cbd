import { describe, expect, it } from 'vitest';
import { isSelectedBy, NamespaceSelection } from './namespace-selection.ts';

describe('isSelectedBy', () => {
  const of = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  });
  it.each([
    [{ matchLabels: { mesh: 'on' } }, true],
    [{ matchLabels: { mesh: 'on', team: 'b' } }, false],
    [of('team', 'In', 'a', 'b'), true],
    [of('team', 'In', 'b'), false],
    [of('none', 'In', 'b'), false],
    [of('team', 'NotIn', 'a'), false],
    [of('none', 'NotIn', 'a'), true],
    [of('team', 'Exists'), true],
    [of('none', 'Exists'), false],
    [of('none', 'DoesNotExist'), true],
    [of('team', 'DoesNotExist'), false],
    [{ matchLabels: { mesh: 'on' }, ...of('none', 'Exists') }, false],
    [{}, true],
  ])('%j: %s', (selector, expected) => {
    expect(isSelectedBy(selector, { mesh: 'on', team: 'a' })).toBe(expected);
  });
});

describe('the selection of namespaces', () => {
  it('has all without selectors, and says only what changes it', () => {
    const selection = new NamespaceSelection();
    selection.setLabels('shop', { mesh: 'on' });
    expect([selection.has('shop'), selection.has('other'), selection.revision]).toEqual([true, true, 0]);
    selection.setSelectors([{ matchLabels: { mesh: 'on' } }]);
    selection.setSelectors([{ matchLabels: { mesh: 'on' } }]);
    expect([selection.has('shop'), selection.has('other'), selection.revision]).toEqual([true, false, 1]);
    expect(selection.has('istio-system')).toBe(true);
    selection.setLabels('shop', { mesh: 'on', more: 'x' });
    expect(selection.revision).toBe(1);
    selection.setLabels('shop', undefined);
    expect([selection.has('shop'), selection.revision]).toEqual([false, 2]);
    selection.setSelectors();
    expect([selection.has('shop'), selection.revision]).toEqual([true, 3]);
  });
});
