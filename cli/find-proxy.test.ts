import { describe, expect, it } from 'vitest';
import { findProxy, qualified } from './find-proxy.ts';

const proxy = (name: string, connected = true) => ({
  id: `sidecar~10.0.0.1~${name}~cluster.local`,
  name,
  namespace: name.slice(name.indexOf('.') + 1),
  connected,
});
const web = 'web-5d4f8c7b9d-x2x4z.shop';
const proxies = [
  proxy('web-admin-5d4f8c7b9d-x2x4z.shop'),
  proxy(web),
  proxy('web-5d4f8c7b9d-z9z9z.shop'),
  proxy('db-0.shop'),
  proxy('db-1.shop', false),
  proxy('node-x2x4z.shop'),
  proxy('reviews.shop'),
  proxy('reviews.test'),
];
const found = (name: string, namespace?: string) => findProxy(proxies, qualified(name, namespace)).name;

describe('findProxy', () => {
  it.each([
    [web, undefined, web],
    [web, 'other', web],
    [`pod/${web}`, undefined, web],
    ['po/web-5d4f8c7b9d-x2x4z', 'shop', web],
    ['deploy/web', 'shop', web],
    ['deployments/web.shop', 'other', web],
    ['Deployment.apps/web', 'shop', web],
    ['deploy/web', undefined, web],
    ['rs/web-5d4f8c7b9d', undefined, web],
    ['sts/db', undefined, 'db-0.shop'],
    ['ds/node', undefined, 'node-x2x4z.shop'],
    ['deploy/reviews', 'test', 'reviews.test'],
    ['web-admin-5d4f8c7b9d-x2x4z', undefined, 'web-admin-5d4f8c7b9d-x2x4z.shop'],
    ['sidecar~10.0.0.1~db-1.shop~cluster.local', 'other', 'db-1.shop'],
  ])('takes %s, -n %s: %s', (name, namespace, expected) => {
    expect(found(name, namespace)).toBe(expected);
  });

  it.each([
    ['deploy/web', 'test', 'no proxy named "deploy/web.test"'],
    ['deploy/db', 'shop', 'no proxy named "deploy/db.shop"'],
    ['pod/web', 'shop', 'no proxy named "pod/web.shop"'],
    ['review.shop', undefined, 'did you mean reviews.shop?'],
    ['reviews', undefined, 'give the whole node id'],
    ['deploy/reviews', undefined, 'is in namespaces shop and test'],
    ['svc/web', 'shop', 'expected pod, deployment, replicaset, daemonset or statefulset'],
    ['constructor/web', 'shop', 'expected pod, deployment'],
  ])('says what is wrong with %s, -n %s: %s', (name, namespace, message) => {
    expect(() => found(name, namespace)).toThrow(message);
  });
});
