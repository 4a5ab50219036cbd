import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { catalog, catalogEntry } from './catalog.ts';

describe('catalog', () => {
  it('names each type once, under its group', () => {
    const types = catalog.map((entry) => entry.type);
    expect(new Set(types).size).toBe(types.length);
    for (const { type, group } of catalog) expect(type).toContain(`io.periplus.${group}.`);
  });

  it('has examples that are JSON and survive it', () => {
    for (const { example } of catalog) expect(JSON.parse(canonicalJson(example))).toEqual(example);
  });

  it('finds an entry by type, and none for a foreign one', () => {
    expect(catalogEntry('io.periplus.config.applied')?.subject).toBe('config/KIND/NAMESPACE/NAME');
    expect(catalogEntry('com.example.other')).toBeUndefined();
  });
});
